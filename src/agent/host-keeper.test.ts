import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests, rawEngine } from '../../test/support/engine.ts';
import { aSpec } from '../../test/support/settled-host.ts';
import { waitUntil } from '../base/deadline.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { Memory } from '../reconcile/memory.ts';
import type { Target } from '../reconcile/target.ts';
import { HostKeeper } from './host-keeper.ts';

const { engine: found, skip } = await engineForTests();

/** A host of its own on the engine, gone with the test. */
class HostOnEngine {
  readonly prefix = `keeper-${randomBytes(4).toString('hex')}`;
  readonly #engine: HostEngine = dockerHostEngine({ endpoint: parseEngineHost(found?.address ?? '', 'test') });
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
    const stopContainer: HostEngine['stopContainer'] = (id, graceMs, signal) => {
      setTimeout(() => cut.abort(), 200);
      return this.#engine.stopContainer(id, graceMs, signal);
    };
    const keeper = this.#keeper({ ...this.#engine, stopContainer });
    await keeper.pass(this.#target(spec), cut.signal);
    assert.ok(cut.signal.aborted);
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

  async kill(id: string): Promise<void> {
    await this.#engine.stopContainer(id, 0);
  }
}

function shortly(order: string) {
  return { order, healthyWithin: '1s' };
}

test('a real engine becomes as declared, is mended, and goes back from what does not start', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const { prefix } = host;
  const workspace = {
    image: 'box',
    command: ['sleep', '1000'],
    networks: [`${prefix}-net`],
    mounts: [{ type: 'volume', volume: `${prefix}-data`, target: '/data' }],
    stopGrace: '0s',
    updateStrategy: shortly('stop-first'),
  };
  const spec = (change: Record<string, unknown>) => ({
    networks: { [`${prefix}-net`]: {} },
    volumes: { [`${prefix}-data`]: { removeWithSpec: true } },
    images: { box: { tag: `${prefix}:latest`, build: { context: 'busybox' } } },
    workspaces: { [`${prefix}-web`]: { ...workspace, ...change } },
  });

  assert.deepEqual(await host.become(spec({})), []);
  const [first] = await host.containers();
  assert.equal(first?.status, 'running');
  assert.deepEqual(first.networks, [`${prefix}-net`]);

  await host.kill(first.id);
  assert.deepEqual(await host.become(spec({})), []);
  assert.deepEqual(
    (await host.containers()).map(({ id, status }) => [id, status]),
    [[first.id, 'running']],
  );

  for (const order of ['stop-first', 'start-first']) {
    assert.deepEqual(await host.become(spec({ env: { ORDER: order }, updateStrategy: shortly(order) })), []);
    const after = await host.containers();
    assert.deepEqual(
      after.map(({ name, status }) => [name, status]),
      [[`${prefix}-web`, 'running']],
    );
  }

  const [good] = await host.containers();
  const problems = await host.become(spec({ command: ['no-such-program'] }));
  assert.match(problems.join(), /the one before was put back/);
  assert.deepEqual(
    (await host.containers()).map(({ id, status }) => [id, status]),
    [[good?.id, 'running']],
  );

  assert.deepEqual(await host.become({}), []);
  assert.deepEqual(await host.containers(), []);
});

test('a job whose stop went on when it was declared as before again runs again, once', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const name = `${host.prefix}-job`;
  // A shell as the first process passes SIGTERM over until its child has ended.
  const job = { image: 'box', command: ['sh', '-c', 'sleep 1000; true'], restart: 'no', stopGrace: '2s' };
  const images = { box: { tag: `${host.prefix}:latest`, build: { context: 'busybox' } } };
  const spec = (change: Record<string, unknown>) => ({ images, workspaces: { [name]: { ...job, ...change } } });
  assert.deepEqual(await host.become(spec({})), []);
  const [before] = await host.containers();

  await host.beginUntilStopping(spec({ env: { CHANGED: '1' } }));
  assert.deepEqual(await host.become(spec({})), []);

  const [after, ...others] = await host.containers();
  assert.deepEqual([after?.id, after?.status, others], [before?.id, 'running', []]);
  assert.notEqual(after?.startedAt, before?.startedAt);
  await host.kill(after?.id ?? '');
});

test('while one container takes its time to end, another that was killed runs again', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const [web, job, net] = [`${host.prefix}-web`, `${host.prefix}-job`, `${host.prefix}-net`];
  const images = { box: { tag: `${host.prefix}:latest`, build: { context: 'busybox' } } };
  const workspace = {
    image: 'box',
    command: ['sleep', '1000'],
    stopGrace: '0s',
    updateStrategy: shortly('stop-first'),
  };
  // A shell as the first process passes SIGTERM over until its child has ended.
  const slow = { ...workspace, command: ['sh', '-c', 'sleep 1000; true'], stopGrace: '8s', networks: [net] };
  const both = { images, networks: { [net]: {} }, workspaces: { [web]: workspace, [job]: slow } };
  assert.deepEqual(await host.become(both), []);
  const docker = await rawEngine(found?.address ?? '');
  const statusOf = async (name: string) => (await host.containers()).find((one) => one.name === name)?.status;

  const becoming = host.become({ images, workspaces: { [web]: workspace } });
  await waitUntil('the stop', () => host.isStopping);
  await docker.getContainer(web).kill();
  await waitUntil('the other one to run again', async () => (await statusOf(web)) === 'running');
  const meanwhile = await statusOf(job);
  const problems = await becoming;

  assert.equal(meanwhile, 'running');
  assert.deepEqual(problems, []);
  assert.deepEqual([await statusOf(web), await statusOf(job)], ['running', undefined]);
});

test('a container that cannot be started is told of by the name of its workspace', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const name = `${host.prefix}-web`;
  const images = { box: { tag: `${host.prefix}:latest`, build: { context: 'busybox' } } };
  const stopped = { image: 'box', command: ['no-such-program'], running: false };
  assert.deepEqual(await host.become({ images, workspaces: { [name]: stopped } }), []);

  const problem = await host.firstProblem({ images, workspaces: { [name]: { ...stopped, running: true } } });

  assert.match(problem, new RegExp(`^Cannot start container "${name}": .*no-such-program`));
});

test('a container that is adopted goes, its data stay', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const name = `${host.prefix}-db`;
  const images = { box: { tag: `${host.prefix}:latest`, build: { context: 'busybox' } } };
  await host.become({ images });
  const docker = await rawEngine(found?.address ?? '');
  const theirs = await docker.createContainer({
    ...{ name, Image: `${host.prefix}:latest`, Cmd: ['sleep', '1000'], Volumes: { '/data': {} }, StopTimeout: 0 },
  });
  await theirs.start();
  const [mount] = (await theirs.inspect()).Mounts;
  const volume = docker.getVolume(mount?.Name ?? '');
  t.after(() => volume.remove());

  const workspace = { image: 'box', command: ['sleep', '1000'], adopt: true, stopGrace: '0s' };
  const updateStrategy = shortly('stop-first');
  assert.deepEqual(await host.become({ images, workspaces: { [name]: { ...workspace, updateStrategy } } }), []);

  assert.equal((await volume.inspect()).Name, mount?.Name);
  await assert.rejects(theirs.inspect(), { statusCode: 404 });
});

test('what somebody did to a workspace on a real engine is mended', { skip }, async (t) => {
  const host = new HostOnEngine(t);
  const name = `${host.prefix}-web`;
  const alone = `${host.prefix}-alone`;
  const network = `${host.prefix}-net`;
  const workspace = {
    image: 'box',
    command: ['sleep', '1000'],
    stopGrace: '0s',
    updateStrategy: shortly('stop-first'),
  };
  const spec = (internal: boolean, env: Record<string, string> = {}) => ({
    networks: { [network]: { internal } },
    images: { box: { tag: `${host.prefix}:latest`, build: { context: 'busybox' } } },
    workspaces: { [name]: { ...workspace, env, networks: [network] }, [alone]: workspace },
  });
  assert.deepEqual(await host.become(spec(false)), []);
  const docker = await rawEngine(found?.address ?? '');
  const before = await host.containers();
  const seen = (all: Awaited<ReturnType<typeof host.containers>>) =>
    all.map(({ id, status, networks }) => [id, status, networks]).sort();

  await docker.getNetwork(network).disconnect({ Container: name });
  await docker.getNetwork('bridge').disconnect({ Container: alone });
  assert.deepEqual(await host.become(spec(false)), []);
  assert.deepEqual(seen(await host.containers()), seen(before));

  assert.deepEqual(await host.become(spec(true)), []);
  assert.deepEqual(seen(await host.containers()), seen(before));
  await docker.getContainer(name).restart({ t: 0 });
  assert.deepEqual(await host.become(spec(true)), []);
  assert.deepEqual(seen(await host.containers()), seen(before));

  await docker
    .getContainer(alone)
    .update({ Memory: 64 << 20, MemorySwap: 64 << 20, RestartPolicy: { Name: 'always' } });
  const problems = await waitUntil('the change to be seen', async () => {
    const found = await host.become(spec(true));
    return found.length > 0 ? found : undefined;
  });
  assert.deepEqual(problems, [
    `Workspace "${alone}" is not as declared, somebody changed it: memory is 67108864 bytes, declared is none; restart is "always", declared is "unless-stopped"`,
  ]);
  await docker.getContainer(alone).remove({ force: true });

  await docker.getContainer(name).pause();
  assert.deepEqual(await host.become(spec(true)), [`Cannot run workspace "${name}": somebody paused it`]);
  assert.deepEqual(await host.become(spec(true, { A: '1' })), []);

  await docker.getContainer(name).rename({ name: `${name}-renamed` });
  assert.match((await host.become(spec(true))).join(), /somebody renamed it/);
  await docker.getContainer(`${name}-renamed`).remove({ force: true });
  assert.deepEqual(await host.become(spec(true)), []);
});
