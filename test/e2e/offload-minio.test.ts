import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { serveImage } from '../../src/contracts/names.ts';
import { composeObstacle } from '../support/compose.ts';
import { type ContainedServe, containedServe, healthy, socketGroup } from '../support/contained-serve.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { s3Obstacle } from '../support/s3-server.ts';

const skip = (await privateEngineObstacle()) ?? ((await s3Obstacle()) || ((await composeObstacle()) ?? false));
const patience = { timeoutMs: 60_000, intervalMs: 500 };
const outcome = 'report.intact: true\nreport.guarantee: external-immutable\nreport.claim: tamper-evident';

/** Has an edit go on only once the test says so. */
const held = `
const { existsSync } = await import('node:fs');
while (!existsSync('/tmp/go')) await new Promise((resolve) => setTimeout(resolve, 100));
`;

test('the example on S3 runs twice, through a crash and a restart of its daemon, and is external-immutable', {
  skip,
  timeout: 290_000,
}, async (t) => {
  const example = await containedServe(t);
  const { run, project } = example;
  const folder = join(project.folder, 'examples', 'offload-minio');
  await run('docker-compose up -d 2>&1');
  const serve = await healthy(example, 'serve');

  await t.test('the daemon is nobody special and listens nowhere', () => looksHarmless(example, serve));
  const first = await run('npm start');
  assert.match(first, new RegExp(`\n${outcome}$`));
  assert.match(first, /^\+export const NEW_NAME/m);
  assert.equal(await run('docker ps -aq --filter label=agora.runId'), '', 'its workers are removed');

  await appendFile(join(folder, 'code-edit.mjs'), held);
  const second = run('npm start');
  const edits = await workers(example, 2);
  await t.test('a worker holds no key of the services', () => holdsNoKey(example, edits[0] ?? ''));
  await run(`kill -9 $(docker inspect -f '{{.State.Pid}}' ${serve})`);
  await served(example, serve, 2);
  assert.deepEqual(await workers(example, 2), edits, 'the same go on');
  await release(example, edits);
  const [third = ''] = await workers(example, 1, edits);
  await run('docker-compose restart serve 2>&1');
  await served(example, serve, 3);
  await release(example, [third]);

  assert.match(await second, new RegExp(`\n${outcome}$`));
  const bundle = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8'));
  const attempts = bundle.items.map(({ id, attempt }: { id: string; attempt: number }) => [id, attempt]);
  const once = ['edit-alpha', 'edit-beta', 'edit-shared', 'verify'].map((id) => [id, 1]);
  assert.deepEqual(attempts.sort(), once);
  await t.test('the daemon leaves no dead process behind and ends as it should', () => endsWell(example, serve));
  await run('docker-compose down -v 2>&1');
});

/** The ids of so many workers besides these. */
async function workers({ run }: ContainedServe, count: number, others: readonly string[] = []): Promise<string[]> {
  const look = async () => {
    const ids = (await run('docker ps -q --no-trunc --filter label=agora.runId')).split('\n');
    const found = ids.filter((id) => id !== '' && !others.includes(id)).sort();
    return found.length >= count ? found : undefined;
  };
  return await waitUntil(`${count} workers`, look, patience);
}

async function release({ run }: ContainedServe, ids: readonly string[]): Promise<void> {
  for (const id of ids) await run(`docker exec ${id} touch /tmp/go`);
}

/** Resolves once the daemon has begun to serve so many times. */
async function served({ run }: ContainedServe, serve: string, times: number): Promise<void> {
  const look = async () => (await run(`docker logs ${serve} 2>&1`)).match(/^serving /gm)?.length === times;
  await waitUntil(`the daemon's start ${times}`, look, patience);
}

async function looksHarmless({ run }: ContainedServe, serve: string): Promise<void> {
  const status = await run(`docker exec ${serve} cat /proc/1/status`);
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m);
  assert.match(status, new RegExp(`^Groups:\t${socketGroup} $`, 'm'));
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'));
  assert.match(status, /^NoNewPrivs:\t1$/m);

  const sockets = (await run(`docker exec ${serve} cat /proc/net/tcp /proc/net/tcp6`)).split('\n');
  const listening = sockets.map((line) => line.trim().split(/\s+/)).filter(([, , , state]) => state === '0A');
  // The engine's own name server is in every container of a network.
  const ours = listening.filter(([, at = '']) => !at.startsWith('0B00007F:'));
  assert.deepEqual(ours, []);
  assert.equal(await run(`docker port ${serve}`), '');
}

async function endsWell({ run }: ContainedServe, serve: string): Promise<void> {
  const states = await run(`docker exec ${serve} sh -c 'cat /proc/[0-9]*/stat 2>/dev/null; true'`);
  assert.doesNotMatch(states, /^\d+ \(.*\) Z /m);

  await run('docker-compose stop serve 2>&1');

  assert.equal(await run(`docker inspect -f '{{.State.ExitCode}}' ${serve}`), '0');
  // Whoever chooses a user keeps it; without a socket there is no group to find.
  assert.match(await run(`docker run --rm --user 1234:1234 ${serveImage} --version`), /^\d+\.\d+\.\d+$/);
  const whoAmI = await run(`docker run --rm ${serveImage} orch status --daemon 2>&1 || true`);
  assert.match(whoAmI, /Cannot find the daemon: none serves this mailbox/);
}

async function holdsNoKey({ run, s3 }: ContainedServe, worker: string): Promise<void> {
  const environments = `sh -c 'cat /proc/[0-9]*/environ 2>/dev/null' | tr '\\0' '\\n'`;
  const ofSubagent = () => run(`docker exec --user 1000 ${worker} ${environments}`);
  const own = await waitUntil(
    'the secret of the worker',
    async () => /^SIGNING_KEY=(.{32})$/m.exec(await ofSubagent())?.[1],
    patience,
  );
  const inspected = await run(`docker inspect ${worker}`);
  const everywhere = [inspected, await ofSubagent(), await run(`docker exec ${worker} ${environments}`)].join('\n');
  const folders = '/agora /workspace /tmp /dev/shm /etc /usr/local/lib /home /root /var';
  const filesWith = (word: string) =>
    run(`docker exec ${worker} sh -c 'grep -rlF -e "$0" ${folders} 2>/dev/null; true' ${word}`);

  for (const key of [s3.accessKeyId, s3.secretAccessKey]) {
    assert.ok(!everywhere.includes(key), 'no process and no setting of the worker has a key of S3');
    assert.equal(await filesWith(key), '');
  }
  assert.ok(!inspected.includes(own));
  assert.equal(await filesWith(own), '');
  assert.doesNotMatch(inspected, /docker\.sock|"Type": "bind"/);
}
