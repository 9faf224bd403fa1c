import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { suggestion } from '../base/suggest.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { environmentNames } from '../contracts/names.ts';
import { ServerClient, type ServerClientOptions } from '../server-client/server-client.ts';
import type { CommandContext } from './command.ts';
import { contextsFile, readContexts, type ServerContexts } from './server-context-file.ts';

/** The options of every command that asks a server. */
export const serverOptions = {
  server: {
    type: 'string',
    value: '<url>',
    summary: 'Server or context to use (default: $AGORA_SERVER, else the current one)',
  },
  'token-file': {
    type: 'string',
    value: '<file>',
    summary: 'Your token (default: $AGORA_TOKEN, else that of the login)',
  },
} as const;

type AccessContext = Pick<CommandContext, 'env' | 'cwd'>;

export interface ServerWords {
  readonly server?: string | undefined;
  readonly 'token-file'?: string | undefined;
}

export interface ServerAccess {
  readonly url: string;
  readonly token: string;
}

/** The server that is meant, and what lets one in there. */
export async function serverAccess(words: ServerWords, context: AccessContext): Promise<ServerAccess> {
  const contexts = await readContexts(contextsFile(context.env));
  const { url, known } = placeOf(words.server ?? (context.env[environmentNames.server] || undefined), contexts);
  const given = words['token-file'] === undefined ? undefined : await tokenIn(words['token-file'], context.cwd);
  const token = given ?? (context.env[environmentNames.token] || known);
  if (token !== undefined) return { url, token };
  throw new AppError('unauthenticated', `Cannot ask the server "${url}": you are not signed in there`, {
    next: `Sign in: agora login ${url}`,
  });
}

export async function openServer(words: ServerWords, context: AccessContext): Promise<ServerClient> {
  const { url, token } = await serverAccess(words, context);
  return clientWith(url, token);
}

export function clientWith(
  url: string,
  token: string,
  options: Pick<ServerClientOptions, 'fetch' | 'signal'> = {},
): ServerClient {
  const authorization = authorizationOf(token);
  return new ServerClient({ url, authorize: () => authorization, ...options });
}

/** The value of the header by which a token lets its user in. */
export function authorizationOf(token: string): string {
  return `Bearer ${checkedToken(token)}`;
}

interface ServerPlace {
  readonly url: string;
  /** The token of a login there. One for another address is never sent. */
  readonly known: string | undefined;
}

function placeOf(word: string | undefined, { contexts, current }: ServerContexts): ServerPlace {
  const name = word ?? current;
  if (name === undefined) {
    throw new AppError('unauthenticated', 'Cannot tell which server is meant: you are not signed in to any', {
      next: 'Sign in: agora login <url>. Or name one with --server.',
    });
  }
  const named = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (named !== undefined) return { url: named.url, known: named.token };
  if (!/^https?:\/\//i.test(name)) {
    const state = `no context has this name${suggestion(name, Object.keys(contexts))}, and it is not http://… or https://…`;
    throw new AppError('unknown-name', `Cannot use server "${name}": ${state}`, { next: 'agora context list' });
  }
  const { url } = new ServerClient({ url: name });
  return { url, known: Object.values(contexts).find((context) => context.url === url)?.token };
}

/** The one line of a file that holds a token. */
export async function tokenIn(file: string, cwd: string): Promise<string> {
  try {
    const token = (await readFile(resolve(cwd, file), 'utf8')).trim();
    if (token !== '') return checkedToken(token);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const state = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot read token file "${file}": ${state}`, { cause });
  }
  throw new AppError('usage', `Cannot use token file "${file}": it is empty`);
}

/** Of the characters a header can carry. The message does not repeat it. */
function checkedToken(token: string): string {
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new AppError('usage', 'Cannot use the token: it is not one line of letters, digits and signs');
}
