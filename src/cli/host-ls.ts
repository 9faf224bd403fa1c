import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { admissionHint, agentText, engineText, linkText, revisionText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

const hintLength = 1_000;

export const hostLs = defineCommand(
  {
    operands: [],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'One line each, with tabs between: name, admission, link, agent, engine, revision, address.',
      'Link, agent and engine are three facts, each with its own clock: a host whose link is down may well run everything.',
    ],
    examples: ['agora host ls', 'agora host ls --json'],
  },
  async ({ options }, context) => {
    const client = await openServer(options, context);
    const { stdout, stderr } = context;
    const { hosts } = await client.call('listHosts', {});
    if (options.json === true) {
      await say(stdout, jsonText(hosts, 2));
      return exitCodes.ok;
    }
    if (hosts.length === 0) await say(stderr, 'agora: there are no hosts yet; next: agora token create --join');
    const now = client.now();
    const rows = hosts.map((host) => [
      host.name,
      host.admission,
      linkText(host),
      agentText(host, now),
      engineText(host),
      revisionText(host),
      host.address,
    ]);
    if (rows.length > 0) {
      await printTable(stdout, ['name', 'admission', 'link', 'agent', 'engine', 'revision', 'address'], rows);
    }
    for (const hint of hosts.flatMap((host) => admissionHint(host) ?? [])) {
      await say(stderr, `agora: ${oneLine(hint, hintLength)}`);
    }
    return exitCodes.ok;
  },
);
