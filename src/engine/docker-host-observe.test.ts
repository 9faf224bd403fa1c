import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { dockerHostEngine } from './docker-host.ts';
import type { HostEngine } from './host-engine.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-observe-'));
after(() => rm(folder, { recursive: true, force: true }));
let counter = 0;

interface CountedEngine {
  readonly engine: HostEngine;
  /** Paths asked for since the last look at them. */
  asked(): string[];
}

/** In place of an answer: the engine fails with these words. */
class Failure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** An engine whose answers are given by path: a real one would need hours to have containers that are hours old. */
async function anEngineWith(t: TestContext, answers: Readonly<Record<string, unknown>>): Promise<CountedEngine> {
  const path = join(folder, String(++counter));
  let urls: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    urls.push(url);
    const answer = answers[url.split('?')[0] ?? ''];
    const status = answer === undefined ? 404 : answer instanceof Failure ? 500 : 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'no such thing' }));
  }).listen(path);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await waitUntil('the socket', () => server.listening);
  const asked = () => {
    const seen = urls;
    urls = [];
    return seen;
  };
  return { engine: dockerHostEngine({ endpoint: { kind: 'unix', path, source: 'test' } }), asked };
}

const listed = (id: string, wish: object = {}) => ({
  Id: id,
  Names: [`/name-${id}`],
  ImageID: 'sha256:ab',
  Labels: { [hostLabels.host]: 'h' },
  State: 'running',
  Status: 'Up 2 hours',
  NetworkSettings: { Networks: { bridge: {} } },
  ...wish,
});

const inspected = (wish: object = {}) => ({
  RestartCount: 3,
  State: {
    Status: 'running',
    ExitCode: 0,
    OOMKilled: false,
    Error: '',
    StartedAt: '2026-11-21T10:00:00.123456789Z',
    FinishedAt: '0001-01-01T00:00:00Z',
    ...wish,
  },
});

test('containers that are as they were cost one call', async (t) => {
  const list = Array.from({ length: 50 }, (_, index) => listed(`c${index}`));
  const looks = Object.fromEntries(list.map(({ Id }) => [`/containers/${Id}/json`, inspected()]));
  const { engine, asked } = await anEngineWith(t, { '/containers/json': list, ...looks });

  const first = await engine.observeContainers();
  assert.equal(asked().length, 51);
  const second = await engine.observeContainers();

  assert.deepEqual(asked(), ['/containers/json?all=1']);
  assert.deepEqual(second, first);
  assert.deepEqual(second[7], {
    id: 'c7',
    name: 'name-c7',
    imageId: 'sha256:ab',
    labels: { [hostLabels.host]: 'h' },
    status: 'running',
    health: 'none',
    exitCode: 0,
    isOutOfMemory: false,
    error: '',
    restartCount: 3,
    startedAt: '2026-11-21T10:00:00.123Z',
    networks: ['bridge'],
  });
});

test('one that was started since, and one that did not start, are looked at again', async (t) => {
  const list = [listed('old'), listed('young')];
  const looks = { '/containers/old/json': inspected(), '/containers/young/json': inspected() };
  const { engine, asked } = await anEngineWith(t, { '/containers/json': list, ...looks });
  await engine.observeContainers();
  asked();

  list[1] = listed('young', { Status: 'Up Less than a second' });
  await engine.observeContainers();
  assert.deepEqual(asked(), ['/containers/json?all=1', '/containers/young/json']);

  await assert.rejects(engine.startContainer('old'));
  asked();
  await engine.observeContainers();
  assert.equal(asked().length, 3);
});

test('what a container is held to is told, and looked at again when somebody updates it', async (t) => {
  const limits = { Memory: 0, CpuQuota: 50_000, CpuPeriod: 0, PidsLimit: -1, RestartPolicy: { Name: '' } };
  const answers = {
    '/containers/json': [listed('web')],
    '/containers/web/json': { ...inspected(), HostConfig: limits },
    '/_ping': 'OK',
    '/events': { Type: 'container', Action: 'update', Actor: { ID: 'web', Attributes: { name: 'web' } } },
  };
  const { engine } = await anEngineWith(t, answers);
  const [first] = await engine.observeContainers();
  Object.assign(limits, { Memory: 1_024, NanoCpus: 2e9 });

  const [still] = await engine.observeContainers();
  for await (const event of engine.events(AbortSignal.timeout(5_000))) assert.equal(event.action, 'update');
  const [updated] = await engine.observeContainers();

  assert.deepEqual([first?.limits, still?.limits], [first?.limits, { cpus: 0.5, restart: 'no' }]);
  assert.deepEqual(updated?.limits, { memoryBytes: 1_024, cpus: 2, restart: 'no' });
});

test("health comes with the list; of others' containers nothing else is asked for", async (t) => {
  const ours = listed('ours', { Status: 'Up 2 hours (health: starting)' });
  const list = [ours, listed('other', { Labels: null, State: 'exited', Status: 'Exited (3) 5 days ago' })];
  const look = { '/containers/ours/json': inspected({ Health: { Status: 'starting' } }) };
  const { engine, asked } = await anEngineWith(t, { '/containers/json': list, ...look });

  await engine.observeContainers();
  assert.deepEqual(asked(), ['/containers/json?all=1', '/containers/ours/json']);
  list[0] = { ...ours, Status: 'Up 2 hours (unhealthy)' };
  const [now, other] = await engine.observeContainers();

  assert.equal(now?.health, 'unhealthy');
  assert.deepEqual([other?.status, other?.exitCode, other?.labels], ['exited', 3, {}]);
  assert.equal(asked().length, 1);
});

test('a container that others link to has its own name', async (t) => {
  const list = [listed('db', { Labels: {}, Names: ['/theirs/database', '/db'] })];
  const { engine } = await anEngineWith(t, { '/containers/json': list });

  assert.deepEqual(
    (await engine.observeContainers()).map(({ name }) => name),
    ['db'],
  );
});

test('one that goes away while it is looked at is not there', async (t) => {
  const { engine } = await anEngineWith(t, { '/containers/json': [listed('gone')] });

  assert.deepEqual(await engine.observeContainers(), []);
});

const endedMeanwhile = new Failure('read /proc/4711/cgroup: read /proc/4711/cgroup: no such process');

test('one that the engine cannot read just then is looked at once more', async (t) => {
  const looks = [endedMeanwhile, inspected({ Status: 'exited', ExitCode: 7 })];
  const answers = {
    '/containers/json': [listed('ends'), listed('stays')],
    get '/containers/ends/json'() {
      return looks.shift();
    },
    '/containers/stays/json': inspected(),
  };
  const { engine } = await anEngineWith(t, answers);

  const [ends, stays] = await engine.observeContainers();

  assert.deepEqual([ends?.status, ends?.exitCode, stays?.status], ['exited', 7, 'running']);
});

test('one that the engine can never read is as the list says, and keeps nothing of the others away', async (t) => {
  const answers: Record<string, unknown> = {
    '/containers/json': [listed('broken', { State: 'exited', Status: 'Exited (3) 2 hours ago' }), listed('stays')],
    '/containers/broken/json': endedMeanwhile,
    '/containers/stays/json': inspected(),
  };
  const { engine } = await anEngineWith(t, answers);

  const [broken, stays] = await engine.observeContainers();
  answers['/containers/broken/json'] = inspected({ Status: 'exited', ExitCode: 3, OOMKilled: true });
  const [readable] = await engine.observeContainers();

  assert.deepEqual([broken?.status, broken?.exitCode, broken?.isOutOfMemory], ['exited', 3, false]);
  assert.deepEqual([stays?.status, stays?.restartCount], ['running', 3]);
  assert.equal(readable?.isOutOfMemory, true);
});

test('an answer that is not understood is a failure, never an empty host', async (t) => {
  const { engine } = await anEngineWith(t, {
    '/containers/json': { containers: [] },
    '/images/json': '',
    '/volumes': 1,
  });

  const isFailure = (error: unknown) => isAppError(error, 'internal');
  await assert.rejects(engine.observeContainers(), isFailure);
  await assert.rejects(engine.observeImages(), isFailure);
  await assert.rejects(engine.observeVolumes(), isFailure);
});

test('images are named as Docker names them, those without a name by nothing', async (t) => {
  const image = { Id: 'sha256:ab', Size: 7, Labels: null };
  const images = [
    {
      ...image,
      RepoTags: ['docker.io/library/busybox:1', 'localhost:5000/a:2'],
      RepoDigests: ['docker.io/library/busybox@sha256:cd'],
    },
    { ...image, RepoTags: ['<none>:<none>'], RepoDigests: null },
  ];
  const { engine } = await anEngineWith(t, { '/images/json': images });

  const [one, other] = await engine.observeImages();

  assert.deepEqual(one?.tags, ['busybox:1', 'localhost:5000/a:2']);
  assert.deepEqual(one?.repositoryDigests, ['busybox@sha256:cd']);
  assert.deepEqual([other?.tags, other?.repositoryDigests], [[], []]);
});
