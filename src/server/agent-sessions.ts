import { type KeyObject, randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy, publicKeyOf } from '../base/fleet-keys.ts';
import { agentAuthorizationScheme, sequenceWindow } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { HostCaller } from './handler.ts';
import type { Credentials } from './http.ts';

interface Session {
  readonly sessionId: string;
  readonly hostId: HostId;
  readonly instanceId: string;
  /** Made once: to read it takes as long as to verify a signature. */
  readonly key: KeyObject;
  highest: number;
  /** Of the sequence numbers in the window below the highest, those that were used. */
  readonly used: Set<number>;
}

export interface AgentSessionsOptions {
  /** Two agents that both live have one host's key. */
  readonly onDuplicate: (hostId: HostId) => void;
}

const headerPattern = new RegExp(`^${agentAuthorizationScheme} ([\\w-]{43}) (\\d{1,15}) ([\\w-]{86})$`);

/** Of a host, so many starts of its agent that another one followed are remembered. */
const rememberedInstances = 16;

/** Who the agents are that registered since this server started. An agent that is not known registers again. */
export class AgentSessions {
  readonly #options: AgentSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #current = new Map<HostId, Session>();
  readonly #followed = new Map<HostId, readonly string[]>();

  constructor(options: AgentSessionsOptions) {
    this.#options = options;
  }

  /**
   * Begins one; an earlier one of the host ends. An agent that comes back after another one took its place lives beside it. What an
   * agent that ended had sent may still arrive, and tells nothing.
   */
  begin(host: { readonly hostId: HostId; readonly instanceId: string; readonly publicKey: string }): string {
    const { hostId, instanceId } = host;
    const earlier = this.#current.get(hostId);
    const followed = this.#followed.get(hostId) ?? [];
    this.end(hostId);
    const sessionId = randomBytes(32).toString('base64url');
    const key = publicKeyOf('ed25519', host.publicKey);
    const session: Session = { hostId, instanceId, key, sessionId, highest: 0, used: new Set() };
    this.#sessions.set(sessionId, session);
    this.#current.set(hostId, session);
    const ended = [...followed, ...(earlier === undefined ? [] : [earlier.instanceId])];
    const others = ended.filter((instance) => instance !== instanceId).slice(-rememberedInstances);
    this.#followed.set(hostId, others);
    if (followed.includes(instanceId)) this.#options.onDuplicate(hostId);
    return sessionId;
  }

  /** Ends the session of a host. */
  end(hostId: HostId): void {
    const session = this.#current.get(hostId);
    if (session !== undefined) this.#sessions.delete(session.sessionId);
    this.#current.delete(hostId);
  }

  /** Ends it and all that is remembered: the host was removed. */
  forget(hostId: HostId): void {
    this.end(hostId);
    this.#followed.delete(hostId);
  }

  /** Whose session a request names, which proves nothing. Raises `unauthenticated` for one that is not known. */
  identify(authorization: string): HostCaller {
    const { hostId, sessionId } = this.#named(authorization).session;
    return { kind: 'host', hostId, sessionId };
  }

  /** Raises `unauthenticated` for a session that is not known, a signature that does not hold, and a number used before. */
  authenticate({ authorization, method, path, bodyDigest }: Credentials): HostCaller {
    const { session, sequence, signature } = this.#named(authorization ?? '');
    const { sessionId } = session;
    const text = canonicalize({ session: sessionId, sequence, method, path, body: bodyDigest });
    if (!isSignedBy(session.key, text, signature)) throw unknownSession('its signature does not hold');
    if (!takeSequence(session, sequence)) throw unknownSession('its sequence number was used before');
    return { kind: 'host', hostId: session.hostId, sessionId };
  }

  #named(authorization: string) {
    const [, sessionId = '', sequence = '', signature = ''] = headerPattern.exec(authorization) ?? [];
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw unknownSession('it is not known here');
    return { session, sequence: Number(sequence), signature };
  }
}

function takeSequence(session: Session, sequence: number): boolean {
  const { used } = session;
  if (sequence < 1 || sequence <= session.highest - sequenceWindow || used.has(sequence)) return false;
  used.add(sequence);
  if (sequence > session.highest) {
    session.highest = sequence;
    for (const old of used) if (old <= sequence - sequenceWindow) used.delete(old);
  }
  return true;
}

function unknownSession(state: string): AppError {
  return new AppError('unauthenticated', `Cannot accept this agent's session: ${state}`, { next: 'Register again.' });
}
