import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { contextsFile, readContexts, writeContexts } from './server-context-file.ts';
import { requireContext, withoutContext } from './server-contexts.ts';

export const contextRemove = defineCommand(
  {
    operands: ['<context>'],
    options: {},
    details: ['Forgets a server and the token for it.'],
    examples: ['agora context remove localhost:8090'],
  },
  async ({ operands: [name = ''] }, { env }) => {
    const file = contextsFile(env);
    const known = await readContexts(file);
    requireContext(known, name);
    await writeContexts(file, withoutContext(known, name));
    return exitCodes.ok;
  },
);
