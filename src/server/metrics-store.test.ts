import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { MetricsStore } from './metrics-store.ts';
import { migrations } from './store-schema.ts';

const hostId = hostIdSchema.parse(`h-${'a'.repeat(26)}`);
const { metrics } = defaultHostSettings;
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.parse('2026-03-01T00:00:00Z');

test('what was measured is seen at once, and stays the same when it is rolled up', async (t) => {
  const { store } = await aStore(t);
  const now = start + 30 * minute;
  fill(store, { from: start, to: now, everyMs: 10_000, cpuAt: (at) => ((at - start) / 10_000) % 2 });
  const query = { from: start, to: now, points: 30, kind: 'host', series: new Set(['cpu']) } as const;

  const before = store.view(hostId, query, now);
  rollUp(store, now + minute);
  const after = store.view(hostId, query, now);

  assert.deepEqual(before, after);
  const [cpu] = after.series;
  assert.equal(after.stepMs, minute);
  assert.deepEqual([cpu?.mean, cpu?.max], [Array(30).fill(0.5), Array(30).fill(1)]);
});

test('each level tells the mean and the highest of the finer one, and gaps stay gaps', async (t) => {
  const { store } = await aStore(t);
  const now = start + 2 * day;
  fill(store, { from: start, to: start + 6 * hour, everyMs: 60_000, cpuAt: () => 0.25 });
  fill(store, { from: start + 6 * hour, to: start + 6 * hour + minute, everyMs: 10_000, cpuAt: () => 1 });
  rollUp(store, now);

  const view = store.view(hostId, { from: start, to: start + 8 * hour, points: 8, kind: 'host' }, now);

  const cpu = view.series.find(({ name }) => name === 'cpu');
  assert.equal(view.stepMs, hour);
  assert.deepEqual(cpu?.mean, [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 1, null]);
  assert.deepEqual(cpu?.max, [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 1, null]);
});

test('samples that come late, twice or in another order count once, where they belong', async (t) => {
  const { store } = await aStore(t);
  const now = start + hour;
  const late = { from: start, to: start + 5 * minute, everyMs: 10_000, cpuAt: () => 0.5 };
  fill(store, { from: start + 5 * minute, to: start + 10 * minute, everyMs: 10_000, cpuAt: () => 0.1 });
  rollUp(store, now);
  fill(store, late);
  fill(store, late);
  rollUp(store, now);

  const { series } = store.view(
    hostId,
    { from: start, to: start + 10 * minute, points: 2, series: new Set(['cpu']) },
    now,
  );

  assert.deepEqual(series[0]?.mean, [0.5, 0.1]);
});

test('samples that come while their window is rolled up are rolled up with it', async (t) => {
  const { store, database } = await aStore(t);
  const now = start + hour;
  const query = { from: start, to: start + 10 * minute, points: 60 };
  fill(store, { from: start, to: start + 10 * minute, everyMs: 20_000, cpuAt: () => 0.25 });

  const steps = store.rollUp(now);
  for (let step = 0; step < 3; step += 1) steps.next();
  fill(store, { from: start + 10_000, to: start + 10 * minute, everyMs: 20_000, cpuAt: () => 0.75 });
  const meanwhile = store.view(hostId, query, now);
  Array.from(steps);
  const left = database.get('SELECT count(*) AS count FROM metric_samples')?.['count'];
  rollUp(store, now);

  assert.equal(left, 60);
  assert.equal(database.get('SELECT count(*) AS count FROM metric_samples')?.['count'], 0);
  assert.deepEqual(
    cpuOf(store.view(hostId, query, now)),
    Array.from({ length: 60 }, (_, index) => (index % 2 ? 0.75 : 0.25)),
  );
  assert.deepEqual(cpuOf(meanwhile), cpuOf(store.view(hostId, query, now)));
});

test('a server that starts rolls up what an earlier one left', async (t) => {
  const { store, database } = await aStore(t);
  fill(store, { from: start, to: start + 10 * minute, everyMs: 10_000, cpuAt: () => 0.5 });

  rollUp(new MetricsStore(database), start + hour);

  assert.equal(database.get('SELECT count(*) AS count FROM metric_samples')?.['count'], 0);
  assert.ok(Number(database.get('SELECT count(*) AS count FROM metric_chunks')?.['count']) > 0);
});

test('a clock that is wrong is corrected, and one that is nearly right is left alone', async (t) => {
  const { store } = await aStore(t);
  const now = start + day;
  const sample = (at: number) => ({ ...aSample(0.5), at: new Date(at).toISOString() });

  store.take(hostId, [sample(now + hour)], { now, aheadMs: hour, metrics });
  store.take(hostId, [sample(now - minute - 2_000)], { now, aheadMs: -2_000, metrics });
  const { series, from, stepMs } = store.view(
    hostId,
    { from: now - 5 * minute, to: now + minute, points: 36, series: new Set(['cpu']) },
    now,
  );

  const known = (series[0]?.mean ?? []).flatMap((value, step) => (value === null ? [] : [from + step * stepMs - now]));
  assert.deepEqual(known, [-70_000, 0]);
});

test('what is switched off, of no known host or older than is kept is not stored', async (t) => {
  const { store, database } = await aStore(t);
  const now = start + 100 * day;
  const stranger = hostIdSchema.parse(`h-${'b'.repeat(26)}`);
  const old = { ...aSample(1), at: new Date(start).toISOString() };
  const current = { ...aSample(1), at: new Date(now).toISOString() };

  store.take(hostId, [old], { now, aheadMs: 0, metrics });
  store.take(hostId, [current], {
    now,
    aheadMs: 0,
    metrics: { ...metrics, host: false, gpu: false, workspaces: false },
  });
  store.take(stranger, [current], { now, aheadMs: 0, metrics });
  store.flush();

  assert.equal(database.get('SELECT count(*) AS count FROM metric_samples')?.['count'], 0);
});

test('points go when their level, or the host’s settings, keep them no longer', async (t) => {
  const { store, database } = await aStore(t);
  fill(store, { from: start, to: start + hour, everyMs: 60_000, cpuAt: () => 0.5 });
  rollUp(store, start + 2 * hour);
  const levels = () =>
    database.all('SELECT DISTINCT level FROM metric_chunks ORDER BY level').map(({ level }) => level);

  const seen = [levels()];
  for (const days of [1, 3, 10, 50]) {
    store.prune(hostId, metrics, start + days * day);
    seen.push(levels());
  }

  assert.deepEqual(seen, [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3], []]);
});

test('a value that was measured takes less than four bytes, at all levels together', async (t) => {
  const { store, database } = await aStore(t);
  const random = generator(7);
  const now = start + 6 * hour;
  let values = 0;
  for (let at = start; at < now; at += 10_000) {
    const sample = { ...aSample(random()), at: new Date(at).toISOString() };
    values += 11;
    store.take(hostId, [sample], { now: at, aheadMs: 0, metrics });
    if (at % (10 * minute) === 0) {
      store.flush();
      rollUp(store, at);
    }
  }
  store.flush();
  rollUp(store, now + hour);
  const { bytes } = database.get('SELECT sum(length(columns)) AS bytes FROM metric_chunks') ?? {};

  assert.ok(Number(bytes) / values < 4, `${Number(bytes) / values} bytes a value`);
  t.diagnostic(`${(Number(bytes) / values).toFixed(3)} bytes a value that was measured`);
});

async function aStore(t: TestContext): Promise<{ store: MetricsStore; database: SqliteDatabase }> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-metrics-'));
  const database = new SqliteDatabase({ file: join(folder, 'server.db'), subject: 'server state', migrations });
  t.after(async () => {
    database.close();
    await rm(folder, { recursive: true, force: true });
  });
  addHost(database, hostId);
  return { store: new MetricsStore(database), database };
}

function cpuOf({ series }: ReturnType<MetricsStore['view']>) {
  return series.find(({ name }) => name === 'cpu')?.mean;
}

function rollUp(store: MetricsStore, now: number): void {
  Array.from(store.rollUp(now));
}

function addHost(database: SqliteDatabase, id: HostId): void {
  const sql = `INSERT INTO hosts (host_id, name, admission, public_key, sealing_key, registration_token, address, is_encrypted, enrolled_at, settings)
    VALUES (?, 'box', 'admitted', 'k', 's', 't', '127.0.0.1', 0, '2026-01-01T00:00:00.000Z', '{}')`;
  database.run(sql, id);
}

interface Filling {
  readonly from: number;
  readonly to: number;
  readonly everyMs: number;
  readonly cpuAt: (at: number) => number;
}

function fill(store: MetricsStore, { from, to, everyMs, cpuAt }: Filling): void {
  for (let at = from; at < to; at += everyMs) {
    store.take(hostId, [{ ...aSample(cpuAt(at)), at: new Date(at).toISOString() }], { now: at, aheadMs: 0, metrics });
  }
  store.flush();
}

function aSample(cpu: number): Omit<MetricsSample, 'at'> {
  const gib = 1024 ** 3;
  return {
    host: {
      cpu,
      load: [cpu * 2, 1, 1],
      memory: { totalBytes: 16 * gib, usedBytes: (4 + cpu) * gib, availableBytes: (12 - cpu) * gib },
      swap: { totalBytes: gib, usedBytes: 0 },
      disks: [{ path: '/', totalBytes: 100 * gib, usedBytes: 40 * gib, availableBytes: 60 * gib }],
      network: { receivedBytesPerSecond: cpu * 1e6, sentBytesPerSecond: cpu * 1e5 },
      processes: 200,
      pressure: { cpu: cpu / 10, memory: 0, io: 0 },
      uptimeSeconds: 1,
    },
  };
}

/** Always the same numbers between 0 and 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
