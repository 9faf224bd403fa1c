import { withDeadline } from '../base/deadline.ts';
import type { Backoff } from '../base/retry.ts';
import type { HostEngineInformation } from '../engine/host-engine.ts';
import { memorySchema } from '../reconcile/memory.ts';
import { AgentLife } from './agent-life.ts';
import type { AgentOptions } from './agent-options.ts';
import { Contact } from './contact.ts';
import { HostRecord } from './host-record.ts';
import { Identity, ownMachineId, registrationTokenOf } from './identity.ts';
import { fingerprintOfJoinToken, loadServer } from './known-server.ts';
import type { Loaded } from './loaded.ts';
import { PatientState } from './patient-state.ts';
import { progressSchema } from './progress.ts';
import { SampleQueue } from './sample-queue.ts';
import { readStored } from './stored.ts';
import { untilAnswered } from './until-answered.ts';

const answerMs = 5_000;
const engineBackoff: Backoff = { delayMs: 500, maxDelayMs: 5_000 };

/** Keeps one host as its server declares it, from `run` until its signal. What runs on the host goes on without it. */
export class Agent {
  readonly #options: AgentOptions & { readonly state: PatientState };

  constructor(options: AgentOptions) {
    if (options.joinToken !== undefined) fingerprintOfJoinToken(options.joinToken);
    const { state, log } = options;
    this.#options = { ...options, state: new PatientState({ state, log }) };
  }

  async run(signal: AbortSignal): Promise<void> {
    const loaded = await this.#load(signal);
    if (loaded === undefined) return;
    const life = new AgentLife(this.#options, loaded);
    try {
      await life.run(signal);
    } finally {
      await this.#options.state.flush();
    }
  }

  async #load(signal: AbortSignal): Promise<Loaded | undefined> {
    const { state } = this.#options;
    const host = await this.#describeHost(signal);
    if (signal.aborted) return undefined;
    const identity = await Identity.load(state);
    const server = await loadServer(state);
    const samples = new SampleQueue({ state });
    await samples.load();
    return {
      identity,
      server,
      samples,
      host,
      record: await HostRecord.load(state, server?.key),
      contact: await Contact.load({ state }),
      memory: await readStored(state, 'memory.json', memorySchema),
      progress: await readStored(state, 'progress.json', progressSchema),
      registrationToken: registrationTokenOf(await this.#machineId(host)),
    };
  }

  async #machineId(host: HostEngineInformation | undefined): Promise<string> {
    const { state, machineId, isContainer } = this.#options;
    return machineId ?? (isContainer ? host?.id : undefined) ?? (await ownMachineId(state));
  }

  /** In a container, only the engine knows what host this is; outside, it may come later. */
  async #describeHost(signal: AbortSignal): Promise<HostEngineInformation | undefined> {
    const { engine, isContainer, log } = this.#options;
    if (isContainer !== true) return await engine.describeHost(withDeadline(answerMs, signal)).catch(() => undefined);
    return untilAnswered(() => engine.describeHost(signal), { ...engineBackoff, signal, log });
  }
}
