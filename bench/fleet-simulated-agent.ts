import { randomBytes } from 'node:crypto';
import { Enrolment } from '../src/agent/enrolment.ts';
import { Heartbeat } from '../src/agent/heartbeat.ts';
import { HostRecord } from '../src/agent/host-record.ts';
import { Identity } from '../src/agent/identity.ts';
import { Link } from '../src/agent/link.ts';
import { Realtime } from '../src/agent/realtime.ts';
import { Reports } from '../src/agent/reports.ts';
import { SampleQueue } from '../src/agent/sample-queue.ts';
import { TargetLoop } from '../src/agent/target-loop.ts';
import type { HostFacts } from '../src/contracts/fleet.ts';
import { simulatedFacts, simulatedObservation, simulatedSample } from './fleet-samples.ts';
import { MemoryState } from './memory-state.ts';

export interface SimulatedAgentOptions {
  readonly url: string;
  readonly name: string;
  readonly joinToken: string;
}

/** An agent's own loops to the server, and no engine: what is declared is there as soon as it comes. */
export class SimulatedAgent {
  /** When the server last answered a heartbeat of the present session, of `performance.now()`. */
  beatAt = 0;
  registeredAt = 0;
  readonly #options: SimulatedAgentOptions;
  readonly #state = new MemoryState();
  #realtime: Realtime | undefined;
  #record: HostRecord | undefined;

  constructor(options: SimulatedAgentOptions) {
    this.#options = options;
  }

  get hasSocket(): boolean {
    return this.#realtime?.isOpen === true;
  }

  get hasTarget(): boolean {
    return this.#record?.desired !== undefined;
  }

  /** All of its loops, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    const { url, name, joinToken } = this.#options;
    const log = () => undefined;
    const record = await HostRecord.load(state, undefined);
    this.#record = record;
    const enrolment = new Enrolment({
      state,
      identity: await Identity.load(state),
      known: undefined,
      registrationToken: randomBytes(32).toString('hex'),
      joinToken,
      acceptedFingerprint: undefined,
      name: () => name,
      facts: () => simulatedFacts,
      isAdmitted: () => record.host?.admission === 'admitted',
      onReplaced: async () => undefined,
    });
    const link: Link = new Link({
      url,
      register: (client, ending) => enrolment.register(client, ending),
      onFailure: async () => undefined,
      onRegistered: async (reply) => {
        await record.heard(reply);
        this.registeredAt = performance.now();
        reports.add(this.#told(record));
        heartbeat.soon();
      },
    });
    const reports = new Reports({ link, log });
    const heartbeat = this.#makeHeartbeat(link, record);
    const targets = new TargetLoop({
      link,
      etag: () => record.etag,
      take: async (kept) => {
        await record.take(kept, enrolment.server?.key ?? '');
        reports.add(this.#told(record));
      },
      log,
    });
    const realtime = new Realtime({ link, onNudge: (nudge) => nudge.kind === 'desired' && targets.nudge() });
    this.#realtime = realtime;
    await Promise.all([link, reports, heartbeat, targets, realtime].map((loop) => loop.run(signal)));
  }

  #makeHeartbeat(link: Link, record: HostRecord): Heartbeat {
    let facts: HostFacts | undefined = simulatedFacts;
    return new Heartbeat({
      link,
      samples: new SampleQueue({ state: this.#state }),
      engine: () => ({ isUp: true }),
      intervalMs: () => record.settings.heartbeatSeconds * 1_000,
      measure: async () => simulatedSample(Object.keys(record.desired?.spec.workspaces ?? {})),
      facts: () => facts,
      onReply: async (reply) => {
        facts = undefined;
        this.beatAt = performance.now();
        await record.heard(reply);
      },
      log: () => undefined,
    });
  }

  #told({ host, desired }: HostRecord) {
    if (host === undefined || desired === undefined) return {};
    const at = new Date().toISOString();
    return {
      observation: simulatedObservation(host.hostId, desired.spec),
      revision: desired.revision,
      times: { planned: at, applied: at, healthy: at },
    };
  }
}
