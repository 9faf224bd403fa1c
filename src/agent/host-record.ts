import type { DesiredState } from '../contracts/agent-wire.ts';
import { defaultHostSettings, type HostSettings } from '../contracts/fleet.ts';
import type { Target } from '../reconcile/target.ts';
import type { AgentState } from './agent-state.ts';
import { acceptTarget, type KeptTarget, keptTargetSchema } from './desired.ts';
import { type KnownHost, knownHostSchema, readStored } from './stored.ts';

/** What a server said of this host; a part of it at least. */
export type Heard = Partial<KnownHost>;

/** What the server last said of this host and for it, kept over restarts so that the host stays as declared without it. */
export class HostRecord {
  readonly #state: AgentState;
  #host: KnownHost | undefined;
  #desired: DesiredState | undefined;
  #etag: string | undefined;

  private constructor(state: AgentState, host: KnownHost | undefined) {
    this.#state = state;
    this.#host = host;
  }

  /** A target that is kept is taken like one that comes: only if the server signed it for this host. */
  static async load(state: AgentState, serverKey: string | undefined): Promise<HostRecord> {
    const record = new HostRecord(state, await readStored(state, 'host.json', knownHostSchema));
    const kept = await readStored(state, 'target.json', keptTargetSchema);
    const hostId = record.#host?.hostId;
    if (kept === undefined || serverKey === undefined || hostId === undefined) return record;
    try {
      record.#desired = acceptTarget(kept, { serverKey, hostId, last: undefined });
      record.#etag = kept.etag;
    } catch {
      // Not the server's word, so there is none: it comes again from the server.
    }
    return record;
  }

  get host(): KnownHost | undefined {
    return this.#host;
  }

  get settings(): HostSettings {
    return this.#host?.settings ?? defaultHostSettings;
  }

  get desired(): DesiredState | undefined {
    return this.#desired;
  }

  get etag(): string | undefined {
    return this.#etag;
  }

  /** Whether anything is new. Another host id means that nothing of the old one counts any more. */
  async heard(heard: Heard): Promise<boolean> {
    const before = this.#host;
    const merged = knownHostSchema.safeParse({ ...before, ...heard });
    if (!merged.success) return false;
    this.#host = merged.data;
    if (JSON.stringify(before) === JSON.stringify(merged.data)) return false;
    if (before !== undefined && before.hostId !== merged.data.hostId) await this.forget();
    await this.#state.write('host.json', JSON.stringify(merged.data));
    return true;
  }

  /** Takes a new target, or raises why it is not taken. */
  async take(kept: KeptTarget, serverKey: string): Promise<DesiredState> {
    const hostId = this.#host?.hostId ?? '';
    const desired = acceptTarget(kept, { serverKey, hostId, last: this.#desired });
    // Kept before it is acted on: an agent that starts again must not go back to the one before.
    await this.#state.write('target.json', JSON.stringify(kept));
    this.#desired = desired;
    this.#etag = kept.etag;
    return desired;
  }

  /** What is declared, and whether it may be acted on. */
  target(awayMs: number | undefined): Target | undefined {
    const host = this.#host;
    const desired = this.#desired;
    if (host === undefined || desired === undefined) return undefined;
    const { settings, admission, hostId } = host;
    return {
      hostId,
      revision: desired.revision,
      spec: desired.spec,
      settings: { ...settings, enabled: settings.enabled && admission === 'admitted' },
      secretDigests: desired.secretDigests,
      awayMs,
    };
  }

  /** What one server declared has no meaning for another, and none for another host. */
  async forget(): Promise<void> {
    this.#desired = undefined;
    this.#etag = undefined;
    for (const name of ['target.json', 'progress.json', 'memory.json'] as const) await this.#state.remove(name);
  }
}
