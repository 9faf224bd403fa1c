import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { contextsFile, readContexts, writeContexts } from './server-context-file.ts';
import { requireContext } from './server-contexts.ts';

export const contextUse = defineCommand(
  {
    operands: ['<context>'],
    options: {},
    details: ['Commands ask this server from now on, unless --server or AGORA_SERVER names another one.'],
    examples: ['agora context use localhost:8090'],
  },
  async ({ operands: [name = ''] }, { env, stderr }) => {
    const file = contextsFile(env);
    const known = await readContexts(file);
    const { url, user } = requireContext(known, name);
    await writeContexts(file, { ...known, current: name });
    await say(stderr, `agora: commands ask ${url} as ${user} now`);
    return exitCodes.ok;
  },
);
