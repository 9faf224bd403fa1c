import type { RegisterReply, Registration } from '../contracts/agent-wire.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import type { AgentState } from './agent-state.ts';
import { type Applicant, greet, makeNonce, register } from './connect.ts';
import type { Identity } from './identity.ts';
import { fingerprintOfJoinToken, judgeServer, pinServer } from './known-server.ts';
import type { Registered } from './link.ts';
import type { KnownServer } from './stored.ts';

export interface EnrolmentOptions {
  readonly state: AgentState;
  readonly identity: Identity;
  readonly known: KnownServer | undefined;
  readonly registrationToken: string;
  readonly joinToken: string | undefined;
  readonly acceptedFingerprint: string | undefined;
  readonly name: () => string;
  readonly facts: () => Registration['facts'];
  /** Whether the server last said that this host is admitted: it then needs no join token. */
  readonly isAdmitted: () => boolean;
  /** Another server took the place of the known one. */
  readonly onReplaced: () => Promise<void>;
}

/** How this host becomes known to its server, and begins each session. */
export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #instanceId = makeNonce();
  #known: KnownServer | undefined;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#known = options.known;
  }

  get server(): KnownServer | undefined {
    return this.#known;
  }

  async register(client: ServerClient, signal: AbortSignal): Promise<Registered> {
    const { identity, joinToken, isAdmitted } = this.#options;
    const first = isAdmitted() ? undefined : joinToken;
    let reply = await this.#registerOnce(client, first, signal);
    // It does not know this host as we remember it.
    if (reply.admission === 'pending' && first !== joinToken)
      reply = await this.#registerOnce(client, joinToken, signal);
    await identity.takeNext();
    return { reply, keys: identity.keys };
  }

  async #registerOnce(
    client: ServerClient,
    joinToken: string | undefined,
    signal: AbortSignal,
  ): Promise<RegisterReply> {
    const { identity, registrationToken, name, facts } = this.#options;
    const greeting = await greet(client, signal);
    await this.#trust(greeting.serverKey, client.url);
    const applicant: Applicant = {
      keys: identity.keys,
      next: identity.next,
      registrationToken,
      name: name(),
      instanceId: this.#instanceId,
      joinToken,
      facts: facts(),
    };
    return await register(client, greeting, { applicant, signal });
  }

  async #trust(key: string, url: string): Promise<void> {
    const { state, joinToken, acceptedFingerprint, onReplaced } = this.#options;
    const joinFingerprint = joinToken === undefined ? undefined : fingerprintOfJoinToken(joinToken);
    const trusted = judgeServer(key, url, { known: this.#known, joinFingerprint, acceptedFingerprint });
    if (trusted === 'known' && this.#known?.url === url) return;
    const server = { url, key };
    await pinServer(state, server, trusted);
    this.#known = server;
    if (trusted === 'replaced') await onReplaced();
  }
}
