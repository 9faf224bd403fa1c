import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { aSpec } from '../../test/support/settled-host.ts';
import { waitUntil } from '../base/deadline.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { connectDocker } from '../engine/docker-connection.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { openAnswer } from '../engine/docker-request.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { Memory } from '../reconcile/memory.ts';
import type { Target } from '../reconcile/target.ts';
import { HostKeeper } from './host-keeper.ts';

export const { engine: found, skip } = await engineForTests();

/** A host of its own on the engine, gone with the test. */
export class HostOnEngine {
  readonly prefix = `keeper-${randomBytes(4).toString('hex')}`;
  readonly #endpoint = parseEngineHost(found?.address ?? '', 'test');
  readonly #engine: HostEngine = dockerHostEngine({ endpoint: this.#endpoint });
  readonly #hostId = `h-${this.prefix}`;
  #memory: Memory | undefined;
  #revision = 0;
  isStopping = false;

  constructor(t: TestContext) {
    const ending = new AbortController();
    const following = this.#follow(ending.signal);
    t.after(async () => {
      ending.abort();
      await following;
      await this.become({});
      for (const { id } of await this.containers()) await this.#engine.removeContainer(id);
    });
  }

  /** Begins to become so, until something newer comes while a container is being stopped. */
  async beginUntilStopping(spec: Record<string, unknown>): Promise<void> {
    const cut = new AbortController();
    const signalled = this.#untilSignalled().finally(() => cut.abort());
    const keeper = this.#keeper(this.#engine);
    await keeper.pass(this.#target(spec), cut.signal);
    await signalled;
    await keeper.close();
  }

  async firstProblem(spec: Record<string, unknown>): Promise<string> {
    const keeper = this.#keeper(this.#engine);
    const target = this.#target(spec);
    const problem = await waitUntil(
      'a problem',
      async () => (await keeper.pass(target, new AbortController().signal)).decision.problems[0]?.message,
      { timeoutMs: 30_000 },
    );
    await keeper.close();
    return problem;
  }

  /** An agent that starts anew, and does not rest until the host is as declared or can be no more. */
  async become(spec: Record<string, unknown>): Promise<string[]> {
    const keeper = this.#keeper(this.#engine);
    const target = this.#target(spec);
    const last = await waitUntil(
      'the host to be as declared',
      async () => {
        const { decision } = await keeper.pass(target, new AbortController().signal);
        const isAtRest = decision.steps.length === 0 && decision.wakeAt === undefined && decision.underWay.length === 0;
        return isAtRest ? decision : undefined;
      },
      { timeoutMs: 90_000, intervalMs: 50 },
    );
    await keeper.close();
    return last.problems.map(({ message }) => message);
  }

  #keeper(engine: HostEngine): HostKeeper {
    const stopContainer: HostEngine['stopContainer'] = (...stop) => {
      this.isStopping = true;
      return engine.stopContainer(...stop);
    };
    return new HostKeeper({
      engine: { ...engine, stopContainer },
      ...(this.#memory === undefined ? {} : { memory: this.#memory }),
      save: async (memory) => {
        this.#memory = memory;
      },
      buildImage: async ({ tag, labels }, signal) =>
        await engine.build(await busyboxContext(), {
          ...{ tag, labels, signal, args: {}, dockerfile: 'Dockerfile', useCache: true, pullBase: false },
        }),
      openSecrets: async (refs) => refs,
    });
  }

  #target(spec: Record<string, unknown>): Target {
    this.#revision += 1;
    return {
      ...{ hostId: this.#hostId, revision: this.#revision, spec: aSpec(spec) },
      settings: { ...defaultHostSettings, diskReserveBytes: 0 },
    };
  }

  async containers() {
    const all = await this.#engine.observeContainers();
    return all.filter(({ labels }) => labels[hostLabels.host] === this.#hostId);
  }

  /** As an agent does; what it is told of, it looks at again. */
  async #follow(signal: AbortSignal): Promise<void> {
    for await (const event of this.#engine.events(signal)) assert.ok(event.type);
  }

  /** Until the engine has told a container of this host to end. */
  async #untilSignalled(): Promise<void> {
    const query = { since: (Date.now() / 1_000).toFixed(3), filters: { type: ['container'], event: ['kill'] } };
    const call = { action: 'follow signals', signal: AbortSignal.timeout(30_000) };
    const told = connectDocker({ endpoint: this.#endpoint }).stream(call, (docker, deadline) =>
      openAnswer(docker, { method: 'GET', path: '/events', query }, deadline.signal),
    );
    for await (const bytes of told) if (Buffer.from(bytes).includes(`"${this.prefix}`)) return;
    throw new Error('The engine told no container to end');
  }

  async kill(id: string): Promise<void> {
    await this.#engine.stopContainer(id, 0);
  }
}

export function shortly(order: string) {
  return { order, healthyWithin: '1s' };
}
