import { nodeFetch } from '../server-client/node-fetch.ts';
import type { CommandContext } from './command.ts';
import type { Places } from './complete-words.ts';
import { clientWith, serverAccess } from './open-server.ts';
import { workspacesOf } from './workspace-place.ts';

/** A person waits with a finger on a key. */
const serverMs = 1_000;
/** Of which a shell may show anything. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The names that begin as what was typed, as the server knows them. */
export async function placesBegun(places: Places, begun: string, context: CommandContext): Promise<readonly string[]> {
  const { url, token } = await serverAccess({}, context);
  // Not the global one, which takes as long to load as all else.
  const client = clientWith(url, token, { fetch: nodeFetch() });
  const signal = AbortSignal.timeout(serverMs);
  const [host = '', rest] = begun.split(/\/(.*)/s);
  if (places === 'hosts' || rest === undefined) {
    const { hosts } = await client.call('listHosts', {}, { signal });
    const end = places === 'hosts' ? '' : '/';
    const names = hosts.map(({ name }) => name).filter((name) => plainName.test(name) && name.startsWith(host));
    return names.map((name) => `${name}${end}`);
  }
  const end = places === 'paths' ? ':' : '';
  const names = (await workspacesOf(client, host, signal)).filter(
    (name) => plainName.test(name) && name.startsWith(rest),
  );
  return names.map((name) => `${host}/${name}${end}`);
}
