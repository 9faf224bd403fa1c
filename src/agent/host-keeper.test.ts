import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawEngine } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { found, HostOnEngine, shortly, skip } from './suite-keeper.ts';

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
