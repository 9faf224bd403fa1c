import { AppError, exitCodes } from '../contracts/errors.ts';
import { environmentNames } from '../contracts/names.ts';
import { ServerClient } from '../server-client/server-client.ts';
import { askSecret } from './ask-person.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { isLoopback } from './listen-address.ts';
import { oneLine } from './one-line.ts';
import { clientWith, tokenIn } from './open-server.ts';
import { say } from './output.ts';
import { contextNameSchema, contextsFile, readContexts, writeContexts } from './server-context-file.ts';

const wordLength = 128;

export const login = defineCommand(
  {
    operands: ['<url>'],
    options: {
      'token-file': {
        type: 'string',
        value: '<file>',
        summary: 'Your token (default: asked for, or read from standard input)',
      },
      context: { type: 'string', value: '<name>', summary: 'What to call this server (default: its host and port)' },
    },
    details: [
      'The token is checked with the server and kept in ~/.config/agora/contexts.json, readable by you only.',
      'Other commands use the server that was signed in to last; agora context use <name> changes that.',
    ],
    examples: ['agora login http://localhost:8090', 'agora login https://fleet.example.com --token-file token.txt'],
  },
  async ({ operands: [typed = ''], options }, context) => {
    const { url } = new ServerClient({ url: typed });
    const name = contextNameOf(options.context ?? new URL(url).host);
    const file = contextsFile(context.env);
    await readContexts(file); // Refused before anybody types a token for nothing.
    await warnOfPlaintext(url, context);
    const token = await givenToken(options['token-file'], context);
    const user = await clientWith(url, token).call('whoAmI', {});
    const { contexts } = await readContexts(file);
    const added = { url, token, user: user.name };
    await writeContexts(file, { schemaVersion: 1, current: name, contexts: { ...contexts, [name]: added } });
    const place = `server ${oneLine(user.server.version, wordLength)} on ${oneLine(user.server.name, wordLength)}`;
    await say(context.stderr, `agora: signed in to ${name} as ${user.name} (${user.role}), ${place}`);
    return exitCodes.ok;
  },
);

function contextNameOf(typed: string): string {
  const parsed = contextNameSchema.safeParse(typed);
  if (parsed.success) return parsed.data;
  const rule = parsed.error.issues[0]?.message ?? 'is not one';
  throw new AppError('usage', `Cannot use context name "${typed}": it ${rule}`, {
    next: 'Give another with --context.',
  });
}

async function warnOfPlaintext(url: string, { stderr }: CommandContext): Promise<void> {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || isLoopback(hostname)) return;
  await say(stderr, `agora: the connection to ${hostname} is not encrypted: whoever listens gets your token`);
}

async function givenToken(file: string | undefined, context: CommandContext): Promise<string> {
  if (file !== undefined) return tokenIn(file, context.cwd);
  const token = context.env[environmentNames.token] || (await askSecret('Token: ', context));
  if (token !== '') return token;
  throw new AppError('usage', 'Cannot sign in: no token was given', {
    next: 'The server printed one at its first start; an admin makes others with agora user add.',
  });
}
