import { suggestion } from '../base/suggest.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { findHost } from './find-host.ts';

export interface WorkspaceWord {
  /** A host's name or id, or the beginning of one. */
  readonly host: string;
  readonly workspace: string;
}

/** `HOST/WORKSPACE` as typed. */
export function workspaceWord(typed: string): WorkspaceWord {
  const [, host, workspace] = /^([^/]+)\/([^/]+)$/.exec(typed) ?? [];
  if (host !== undefined && workspace !== undefined) return { host, workspace };
  throw new AppError('usage', `Cannot find workspace "${typed}": it is not HOST/WORKSPACE`, {
    next: 'agora host ls lists hosts, agora host status <host> the workspaces of one.',
  });
}

/** Does something with a workspace; where it is not there, the failure names the ones that are. */
export async function withWorkspace<T>(
  client: ServerClient,
  word: WorkspaceWord,
  use: (host: string) => Promise<T>,
): Promise<T> {
  const { name } = await findHost(client, word.host);
  try {
    return await use(name);
  } catch (error) {
    if (!isAppError(error, 'not-found')) throw error;
    throw (await missing(client, { host: name, workspace: word.workspace }).catch(() => undefined)) ?? error;
  }
}

/** The name of its host. Raises where it is not there. */
export async function expectWorkspace(client: ServerClient, word: WorkspaceWord): Promise<string> {
  const { name } = await findHost(client, word.host);
  const problem = await missing(client, { host: name, workspace: word.workspace });
  if (problem !== undefined) throw problem;
  return name;
}

/** Names of those that are declared, and of those that are there and shall not be. */
export async function workspacesOf(client: ServerClient, host: string, signal?: AbortSignal): Promise<string[]> {
  const options = signal === undefined ? {} : { signal };
  const [status, declared] = await Promise.all([
    client.call('getHost', { params: { host } }, options),
    client.call('getSpec', { params: { host } }, options).catch((error: unknown) => {
      if (isAppError(error, 'not-found')) return undefined;
      throw error;
    }),
  ]);
  const declaredNames = Object.keys(declared?.spec.workspaces ?? {});
  return [...new Set([...declaredNames, ...status.workspaces.map(({ name }) => name)])];
}

/** Undefined where it is declared, so that something else is missing. */
async function missing(client: ServerClient, { host, workspace }: WorkspaceWord): Promise<AppError | undefined> {
  const names = await workspacesOf(client, host);
  if (names.includes(workspace)) return undefined;
  const state = names.length === 0 ? 'has none' : `has ${names.slice(0, 10).join(', ')}`;
  const more = names.length > 10 ? ', …' : '';
  const near = suggestion(workspace, names);
  return new AppError('not-found', `Cannot find workspace "${workspace}": host "${host}" ${state}${more}${near}`, {
    next: names.length === 0 ? `agora host apply ${host} -f <spec>` : `agora host status ${host}`,
  });
}
