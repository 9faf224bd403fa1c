import { randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy } from '../base/fleet-keys.ts';
import { agentAuthorizationScheme, sequenceWindow } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { HostCaller } from './handler.ts';
import type { Credentials } from './http.ts';

interface Session {
  readonly sessionId: string;
  readonly hostId: HostId;
  readonly instanceId: string;
  readonly publicKey: string;
  /** Another registration with the same key came after it. */
  isSuperseded: boolean;
  highest: number;
  /** Of the sequence numbers in the window below the highest, those that were used. */
  readonly used: Set<number>;
}

export interface AgentSessionsOptions {
  /** Two agents that both live speak with one host's key. */
  readonly onDuplicate: (hostId: HostId) => void;
}

const headerPattern = new RegExp(`^${agentAuthorizationScheme} ([\\w-]{43}) (\\d{1,15}) ([\\w-]{86})$`);

/** Who the agents are that registered since this server started. An agent that is not known registers again. */
export class AgentSessions {
  readonly #options: AgentSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #current = new Map<HostId, Session>();

  constructor(options: AgentSessionsOptions) {
    this.#options = options;
  }

  /** Begins one; an earlier one of the host no longer counts. */
  begin(host: { readonly hostId: HostId; readonly instanceId: string; readonly publicKey: string }): string {
    const earlier = this.#current.get(host.hostId);
    if (earlier !== undefined) {
      // The same agent that lost its connection has no further use for it. Another one may come back, and is told apart by that.
      if (earlier.instanceId === host.instanceId || earlier.isSuperseded) this.#sessions.delete(earlier.sessionId);
      earlier.isSuperseded = true;
      this.#forgetSuperseded(host.hostId, earlier.sessionId);
    }
    const sessionId = randomBytes(32).toString('base64url');
    const session: Session = { ...host, sessionId, isSuperseded: false, highest: 0, used: new Set() };
    this.#sessions.set(sessionId, session);
    this.#current.set(host.hostId, session);
    return sessionId;
  }

  /** Ends whatever sessions a host has. */
  end(hostId: HostId): void {
    for (const session of this.#sessions.values())
      if (session.hostId === hostId) this.#sessions.delete(session.sessionId);
    this.#current.delete(hostId);
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
    if (!isSignedBy(session.publicKey, text, signature)) throw unknownSession('its signature does not hold');
    if (!takeSequence(session, sequence)) throw unknownSession('its sequence number was used before');
    if (session.isSuperseded) {
      this.#options.onDuplicate(session.hostId);
      throw unknownSession('another agent registered with the same key');
    }
    return { kind: 'host', hostId: session.hostId, sessionId };
  }

  #named(authorization: string) {
    const [, sessionId = '', sequence = '', signature = ''] = headerPattern.exec(authorization) ?? [];
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw unknownSession('it is not known here');
    return { session, sequence: Number(sequence), signature };
  }

  /** One superseded session for each host is kept, so that it is noticed when it speaks. */
  #forgetSuperseded(hostId: HostId, but: string): void {
    for (const session of this.#sessions.values()) {
      if (session.hostId === hostId && session.isSuperseded && session.sessionId !== but)
        this.#sessions.delete(session.sessionId);
    }
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
