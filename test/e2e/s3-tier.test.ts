import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { handOverTrust, type SharedBucket, s3Project } from '../support/s3-project.ts';
import { s3Obstacle, startS3Server } from '../support/s3-server.ts';
import { intactBundle, item, submit, watched } from '../support/shell-project.ts';

const place = (await providerPlaces()).find(({ compute }) => compute === 'process');
const obstacle = (await s3Obstacle()) || place?.skip;
const skip = obstacle ?? false;
const server = skip === false ? await startS3Server({ after }) : undefined;

async function aBucket(): Promise<SharedBucket> {
  assert.ok(server);
  const { endpoint, accessKeyId, secretAccessKey } = server;
  return { endpoint, credentials: { accessKeyId, secretAccessKey }, bucket: await server.makeBucket() };
}

async function greetingOf(project: Project): Promise<string> {
  return readFile(join(project.folder, 'source', 'greeting.txt'), 'utf8');
}

test('a folder that shares only the bucket submits, watches, audits and applies, twice', { skip }, async (t) => {
  const shared = await aBucket();
  const [serving, asking] = [await s3Project(t, shared), await s3Project(t, shared)];
  const daemon = await serving.serve();
  await handOverTrust(serving, asking);

  const first = await submit(asking, 'run-1', [
    item('edit', 'echo hello, you > greeting.txt'),
    item('check', 'grep you greeting.txt', { depends_on: ['edit'] }),
  ]);
  assert.deepEqual((await watched(asking, first)).statuses, { edit: 'done', check: 'done' });
  await intactBundle(asking, first);
  const applied = await asking.agora(['orch', 'apply', first]);

  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(await greetingOf(asking), 'hello, you\n');
  assert.equal(await greetingOf(serving), 'hello\n');

  daemon.child.kill('SIGKILL');
  await daemon.finished;
  await serving.serve();

  const second = await submit(asking, 'run-2', [item('edit', 'echo again >> greeting.txt')]);
  assert.deepEqual((await watched(asking, second)).statuses, { edit: 'done' });
  await intactBundle(asking, second);
  assert.equal((await asking.agora(['orch', 'apply', second])).code, 0);
  assert.equal(await greetingOf(asking), 'hello, you\nagain\n');
  const runs = await asking.agora(['orch', 'runs']);
  assert.match(runs.stdout, /^run-1\tdone\t2\/2\t.*\nrun-2\tdone\t1\/1\t/);
});

test('a run goes on where a daemon was killed and started again', { skip }, async (t) => {
  const shared = await aBucket();
  const [serving, asking] = [await s3Project(t, shared), await s3Project(t, shared)];
  const daemon = await serving.serve();
  await handOverTrust(serving, asking);
  const runId = await submit(asking, 'run-1', [
    item('first', 'sleep 3; echo first >> greeting.txt'),
    item('second', 'echo second >> greeting.txt', { depends_on: ['first'] }),
  ]);
  const watching = asking.start('agora', ['orch', 'watch', runId]);

  daemon.child.kill('SIGKILL');
  await daemon.finished;
  assert.equal(
    (await asking.agora(['orch', 'status', '--daemon'])).code,
    0,
    'it counts as there until it missed beats',
  );
  await serving.serve();

  const { code, stderr } = await watching.finished;
  assert.equal(code, 0, stderr);
  await intactBundle(asking, runId);
});

test('of two daemons with other state on one mailbox the second ends and names the first', { skip }, async (t) => {
  const shared = await aBucket();
  const [first, second] = [await s3Project(t, shared), await s3Project(t, shared)];
  const { child } = await first.serve();

  const refused = await second.agora(['orch', 'serve']);

  assert.deepEqual([refused.code, refused.stdout], [3, '']);
  assert.match(refused.stderr, new RegExp(`Cannot serve: another daemon has this mailbox: process ${child.pid} on `));
  assert.match(refused.stderr, /another prefix/);
  const runId = await submit(second, 'run-1', [item('a', 'true')]);
  assert.deepEqual((await watched(second, runId)).statuses, { a: 'done' });
});

test('two daemons with other state that start at once on one mailbox do each run once', { skip }, async (t) => {
  const shared = await aBucket();
  const projects = [await s3Project(t, shared), await s3Project(t, shared)];
  const daemons = projects.map((project) => project.start('agora', ['orch', 'serve']));
  const asking = await s3Project(t, shared);

  const runs = [];
  for (const id of ['run-1', 'run-2', 'run-3'])
    runs.push(await submit(asking, id, [item('a', 'echo x >> greeting.txt')]));
  for (const runId of runs) assert.deepEqual((await watched(asking, runId)).statuses, { a: 'done' });

  const taken = daemons.map(({ stderr }) => stderr().match(/^run run-\d: accepted/gm)?.length ?? 0);
  assert.deepEqual(taken.sort(), [0, 3]);
  const ended = await Promise.race(daemons.map(({ finished }) => finished));
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, /another daemon has this mailbox/);
});

test('a daemon that froze until another took over takes nothing when it goes on, says so and ends', {
  skip,
}, async (t) => {
  const shared = { ...(await aBucket()), pollSeconds: 0.5 };
  const [frozen, other] = [await s3Project(t, shared), await s3Project(t, shared)];
  const first = await frozen.serve();
  first.child.kill('SIGSTOP');

  const second = await other.serve();
  assert.match(second.stderr(), /another daemon has this mailbox, .*; looking for up to 6 s whether it still lives/);
  const before = await submit(other, 'run-1', [item('a', 'true')]);
  assert.deepEqual((await watched(other, before)).statuses, { a: 'done' });
  first.child.kill('SIGCONT');
  const after = [];
  for (const id of ['run-2', 'run-3', 'run-4']) after.push(await submit(other, id, [item('a', 'true')]));
  for (const runId of after) assert.deepEqual((await watched(other, runId)).statuses, { a: 'done' });

  const { code, stderr } = await first.finished;
  assert.equal(code, 3, stderr);
  assert.match(stderr, /Cannot go on: another daemon took this mailbox over: process \d+ on .*/);
  assert.doesNotMatch(stderr, /accepted/);
  assert.equal(second.stderr().match(/^run run-\d: accepted/gm)?.length, 4);
});
