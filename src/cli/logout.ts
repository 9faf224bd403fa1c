import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { contextsFile, readContexts, writeContexts } from './server-context-file.ts';
import { requireContext, withoutContext } from './server-contexts.ts';

export const logout = defineCommand(
  {
    operands: ['[context]'],
    options: {},
    details: [
      'Forgets the token of the current server, or of the one that is named. It stays valid: agora token revoke ends it.',
    ],
    examples: ['agora logout', 'agora logout fleet.example.com'],
  },
  async ({ operands: [word] }, { env, stderr }) => {
    const file = contextsFile(env);
    const known = await readContexts(file);
    const name = word ?? known.current;
    if (name === undefined) throw new AppError('not-found', 'Cannot sign out: you are not signed in to any server');
    requireContext(known, name);
    await writeContexts(file, withoutContext(known, name));
    await say(stderr, `agora: forgot the token of ${name}`);
    return exitCodes.ok;
  },
);
