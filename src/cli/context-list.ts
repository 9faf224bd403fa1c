import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';
import { contextsFile, readContexts } from './server-context-file.ts';

export const contextList = defineCommand(
  {
    operands: [],
    options: { json: { type: 'boolean', summary: 'Print JSON' } },
    details: ['One line each: * for the current one, name, address, user, with tabs between. No token is printed.'],
    examples: ['agora context list'],
  },
  async ({ options }, { env, stdout, stderr }) => {
    const { contexts, current } = await readContexts(contextsFile(env));
    const listed = Object.entries(contexts).map(([name, { url, user }]) => ({
      name,
      url,
      user,
      isCurrent: name === current,
    }));
    if (options.json === true) await say(stdout, JSON.stringify(listed, undefined, 2));
    else if (listed.length === 0)
      await say(stderr, 'agora: you are not signed in to any server; next: agora login <url>');
    else {
      const rows = listed.map(({ name, url, user, isCurrent }) => [isCurrent ? '*' : '', name, url, user]);
      await printTable(stdout, ['', 'name', 'address', 'user'], rows);
    }
    return exitCodes.ok;
  },
);
