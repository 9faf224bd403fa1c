import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import type { Host } from '../contracts/fleet.ts';
import type { ServerClient } from '../server-client/server-client.ts';

/** The host a word names: its name, its id, or a beginning of either that no other has. */
export async function findHost(client: ServerClient, word: string): Promise<Host> {
  const { hosts } = await client.call('listHosts', {});
  return matchHost(word, hosts);
}

function matchHost(word: string, hosts: readonly Host[]): Host {
  const exact = hosts.find(({ name, hostId }) => name === word || hostId === word);
  if (exact !== undefined) return exact;
  const matches =
    word === '' ? [] : hosts.filter(({ name, hostId }) => name.startsWith(word) || hostId.startsWith(word));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  if (matches.length > 1) {
    throw new AppError('usage', `Cannot tell which host "${word}" is: ${matches.length} begin so: ${namesOf(matches)}`);
  }
  const names = hosts.map(({ name }) => name);
  const state = hosts.length === 0 ? 'there are none yet' : `there are ${namesOf(hosts)}${suggestion(word, names)}`;
  throw new AppError('not-found', `Cannot find host "${word}": ${state}`, { next: 'agora host ls' });
}

function namesOf(hosts: readonly Host[]): string {
  const names = hosts.map(({ name }) => name);
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '');
}
