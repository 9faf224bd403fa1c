import { fingerprintOf } from '../base/fleet-keys.ts';
import { AppError } from '../contracts/errors.ts';
import type { AgentState } from './agent-state.ts';
import { type KnownServer, knownServerSchema, readStored } from './stored.ts';

export interface Trust {
  /** The server's key, pinned at first contact. */
  readonly known: KnownServer | undefined;
  /** Of the server that a join token belongs to. */
  readonly joinFingerprint: string | undefined;
  /** Of a server that shall take the place of the known one. */
  readonly acceptedFingerprint: string | undefined;
}

export type Trusted = 'known' | 'first' | 'replaced';

/** Whether a server that showed this key may be talked to. Raises `no-trust` where it may not. */
export function judgeServer(key: string, url: string, { known, joinFingerprint, acceptedFingerprint }: Trust): Trusted {
  if (known?.key === key) return 'known';
  const fingerprint = fingerprintOf(key);
  if (known !== undefined) {
    if (acceptedFingerprint === fingerprint) return 'replaced';
    const state = `its key is ${fingerprint}, that of this host's server is ${fingerprintOf(known.key)}`;
    throw new AppError('no-trust', `Cannot trust the server "${url}": ${state}`, {
      next: `If that server is the right one, start the agent once with --accept-server ${fingerprint}`,
    });
  }
  if (joinFingerprint !== undefined && joinFingerprint !== fingerprint) {
    const state = `its key is ${fingerprint}, the join token is of a server with ${joinFingerprint}`;
    throw new AppError('no-trust', `Cannot trust the server "${url}": ${state}`, {
      next: 'Check --server-url, and that the join token is of that server.',
    });
  }
  return 'first';
}

/** Keeps who the server is. What another one declared ends with it. */
export async function pinServer(state: AgentState, server: KnownServer, trusted: Trusted): Promise<void> {
  if (trusted === 'replaced') {
    for (const name of ['target.json', 'host.json', 'progress.json', 'memory.json'] as const) await state.remove(name);
  }
  await state.write('server.json', JSON.stringify(server));
}

export function loadServer(state: AgentState): Promise<KnownServer | undefined> {
  return readStored(state, 'server.json', knownServerSchema);
}

/** The fingerprint in `agora-join.<fingerprint>.<secret>`. */
export function fingerprintOfJoinToken(token: string): string {
  const [, fingerprint] = /^agora-join\.([a-z2-7-]{19})\.[\w-]+$/.exec(token) ?? [];
  if (fingerprint !== undefined) return fingerprint;
  throw new AppError('invalid-input', 'Cannot use the join token: it is not agora-join.<fingerprint>.<secret>', {
    next: 'Make one on the server: agora token create --join',
  });
}
