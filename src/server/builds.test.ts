import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Build, type BuildsReport, buildIdSchema, buildLogLimits, buildSchema } from '../contracts/builds.ts';
import { isAppError } from '../contracts/errors.ts';
import { startServer, TestAgent } from './suite-server.ts';

const first = buildIdSchema.parse(`b-${'a'.repeat(26)}`);
const second = buildIdSchema.parse(`b-${'c'.repeat(26)}`);

function aBuild(changes: Partial<Build> = {}): Build {
  return buildSchema.parse({
    buildId: first,
    image: 'web',
    tag: 'agora-build/web:latest',
    context: `sha256:${'0'.repeat(64)}`,
    state: 'running',
    queuedAt: '2026-11-21T10:00:00.000Z',
    ...changes,
  });
}

function aReport(changes: Partial<BuildsReport> = {}): { body: BuildsReport } {
  return { body: { live: [], builds: [], logs: [], pushes: [], ...changes } };
}

async function admittedAgent(t: TestContext) {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const log = (build: string, query = {}) => admin.call('readBuildLog', { params: { host: 'box', build }, query });
  const builds = async () => (await admin.call('listBuilds', { params: { host: 'box' } })).builds;
  return { url, admin, agent, log, builds };
}

test('what a host builds is listed with its log, however often it is told', async (t) => {
  const { agent, log, builds } = await admittedAgent(t);
  const lines = { buildId: first, first: 0, lines: ['Step 1/2 : FROM a', 'Step 2/2 : RUN b'] };

  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()], logs: [lines] }));
  await agent.client.call(
    'reportBuilds',
    aReport({ live: [first], logs: [{ ...lines, lines: [...lines.lines, 'done'] }] }),
  );
  await agent.client.call('reportBuilds', aReport({ builds: [aBuild({ state: 'succeeded', imageId: 'sha256:1' })] }));
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));

  assert.deepEqual(await builds(), [aBuild({ state: 'succeeded', imageId: 'sha256:1' })]);
  const read = await log('web');
  assert.deepEqual([read.first, read.lines, read.isComplete], [0, [...lines.lines, 'done'], true]);
  assert.deepEqual((await log('b-aaaa', { from: 2 })).lines, ['done']);
  await assert.rejects(log('other'), (error) => isAppError(error, 'not-found'));
});

test('a reader of a log waits for its next line', async (t) => {
  const { agent, log } = await admittedAgent(t);
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));

  const waiting = log('web', { waitSeconds: 20 });
  await agent.client.call(
    'reportBuilds',
    aReport({ live: [first], logs: [{ buildId: first, first: 0, lines: ['one'] }] }),
  );

  assert.deepEqual((await waiting).lines, ['one']);
});

test('a build that is not live any more is lost; what came in between was told or is', async (t) => {
  const { agent, builds } = await admittedAgent(t);
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));

  await agent.client.call(
    'reportBuilds',
    aReport({ live: [second], builds: [aBuild({ buildId: second, queuedAt: '2026-11-21T11:00:00.000Z' })] }),
  );

  assert.deepEqual(
    (await builds()).map(({ buildId, state }) => [buildId, state]),
    [
      [second, 'running'],
      [first, 'lost'],
    ],
  );
});

test('a build that was being pushed when its agent ended is not lost, and pushed by the next one', async (t) => {
  const { agent, builds } = await admittedAgent(t);
  const digest = aBuild().context;
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild({ state: 'pushing' })] }));
  assert.equal((await builds())[0]?.state, 'pushing');

  await agent.client.call('reportBuilds', aReport());
  const [between] = await builds();
  await agent.client.call('reportBuilds', aReport({ builds: [aBuild({ state: 'pushing' })] }));
  await agent.client.call('reportBuilds', aReport({ pushes: [{ tag: aBuild().tag, digest }] }));
  const [after] = await builds();

  assert.deepEqual([between?.state, after?.state], ['succeeded', 'succeeded']);
  assert.match(between?.problem ?? '', /ended before it was pushed/);
  assert.deepEqual([after?.problem, after?.pushedDigest], [undefined, digest]);
});

test('a build that was taken for lost and is heard of again has not ended', async (t) => {
  const { agent, builds } = await admittedAgent(t);
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));
  await agent.client.call('reportBuilds', aReport());
  assert.equal((await builds())[0]?.state, 'lost');

  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));

  assert.deepEqual(await builds(), [aBuild()]);
});

test('who may cancel a build is told to its host with the next report, and it is written down', async (t) => {
  const { agent, admin } = await admittedAgent(t);
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));
  const params = { host: 'box', build: 'web' };

  await admin.call('cancelBuild', { params });
  const { cancel } = await agent.client.call('reportBuilds', aReport({ live: [first] }));
  await agent.client.call('reportBuilds', aReport({ builds: [aBuild({ state: 'cancelled' })] }));

  assert.deepEqual(cancel, [first]);
  const { activity } = await admin.call('listActivity', {});
  assert.equal(activity[0]?.action, 'build.cancel');
  await assert.rejects(admin.call('cancelBuild', { params }), (error) => isAppError(error, 'task-conflict'));
});

test('what a registry calls an image is kept with the newest build of it', async (t) => {
  const { agent, builds } = await admittedAgent(t);
  const digest = aBuild().context;
  await agent.client.call('reportBuilds', aReport({ builds: [aBuild({ state: 'succeeded' })] }));

  await agent.client.call('reportBuilds', aReport({ pushes: [{ tag: aBuild().tag, problem: 'Cannot push' }] }));
  assert.equal((await builds())[0]?.problem, 'Cannot push');
  await agent.client.call('reportBuilds', aReport({ pushes: [{ tag: aBuild().tag, digest }] }));

  assert.deepEqual(await builds(), [aBuild({ state: 'succeeded', pushedDigest: digest })]);
});

test('of an endless log the newest lines are kept, and a reader learns from where', async (t) => {
  const { agent, log } = await admittedAgent(t);
  const line = 'x'.repeat(buildLogLimits.lineCharacters);
  const atOnce = buildLogLimits.reportLines;
  await agent.client.call('reportBuilds', aReport({ live: [first], builds: [aBuild()] }));

  for (let at = 0; at < 3 * atOnce; at += atOnce) {
    const lines = Array.from({ length: atOnce }, () => line);
    await agent.client.call('reportBuilds', aReport({ live: [first], logs: [{ buildId: first, first: at, lines }] }));
  }

  const { first: from, lines } = await log('web');
  assert.ok(from > 0);
  assert.equal(from + lines.length, 3 * atOnce);
  assert.ok(lines.length * line.length <= buildLogLimits.bytes);
});
