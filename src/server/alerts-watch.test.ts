import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { AlertFacts } from './alerts-facts.ts';
import { AlertOutbox } from './alerts-outbox.ts';
import { AlertStore } from './alerts-store.ts';
import { AlertWatch } from './alerts-watch.ts';
import { HostStore } from './host-store.ts';
import { MetricsStore } from './metrics-store.ts';
import { migrations } from './store-schema.ts';
import { aWebhook } from './suite-receivers.ts';

const box = hostIdSchema.parse(`h-${'a'.repeat(26)}`);
const gone = hostIdSchema.parse(`h-${'b'.repeat(26)}`);
const never = new AbortController().signal;

test('a host that falls silent is told of once, and once more when it is back', async (t) => {
  const { pass, told } = await aWatch(t);
  await pass(40, { beating: [box] });

  const raisedAfter = await secondsUntil(() => pass(1), told, 1);
  await pass(60);
  const resolvedAfter = await secondsUntil(() => pass(1, { beating: [box] }), told, 2);
  await pass(60, { beating: [box] });

  const events = told();
  assert.deepEqual(
    events.map(({ event, alert }) => [event, alert?.rule, alert?.host]),
    [
      ['raised', 'host-offline', 'box'],
      ['resolved', 'host-offline', 'box'],
    ],
  );
  assert.ok(raisedAfter <= 28, `${raisedAfter}`);
  assert.ok(resolvedAfter <= 18, `${resolvedAfter}`);
  assert.match(events[0]?.alert?.message ?? '', /^box has not been heard of for 2\d s$/);
  assert.equal(events[1]?.alert?.alertId, events[0]?.alert?.alertId);
});

test('after a restart of the server nothing is told of hosts that are well, and nothing is told twice', async (t) => {
  const { pass, told, restart } = await aWatch(t, [box, gone]);
  await pass(40, { beating: [box, gone] });
  await pass(60, { beating: [box] });
  const before = told().map(({ alert }) => alert?.host);

  await restart(600);
  await pass(28);
  await pass(120, { beating: [box] });

  assert.deepEqual(before, ['gone']);
  assert.deepEqual(
    told().map(({ alert }) => alert?.host),
    ['gone'],
  );
});

for (const [what, seconds] of [
  ['set to an hour later', 3_600],
  ['set to an hour earlier', -3_600],
  ['stopped for a minute', 60],
] as const) {
  test(`a clock that was ${what} makes no host silent, and one that is silent is still told of`, async (t) => {
    const { pass, told, jump } = await aWatch(t, [box, gone]);
    await pass(40, { beating: [box, gone] });

    await jump(seconds);
    await pass(28, { beating: [box, gone] });
    const afterJump = told();
    await pass(40, { beating: [box] });

    assert.deepEqual(afterJump, []);
    assert.deepEqual(
      told().map(({ event, alert }) => [event, alert?.host]),
      [['raised', 'gone']],
    );
  });
}

test('a sign of life counts at once, also while the database does not take it', async (t) => {
  const { pass, told } = await aWatch(t, [box], { flushes: false });

  await pass(120, { beating: [box] });

  assert.deepEqual(told(), []);
});

test('figures of long ago, which an agent kept meanwhile, are no reason for an alert', async (t) => {
  const { pass, told, take } = await aWatch(t);
  await pass(20, { beating: [box] });

  await take({ fullness: 0.95, agoSeconds: 3_600 });
  await pass(60, { beating: [box] });
  const ofOld = told();
  await take({ fullness: 0.95, agoSeconds: 1 });
  await pass(4, { beating: [box] });

  assert.deepEqual(ofOld, []);
  assert.deepEqual(
    told().map(({ alert }) => alert?.message),
    ['/ of box is 95 % full, 5.0 GiB are free'],
  );
});

test('a notice comes again until it is taken, later and later, and its failure is shown', async (t) => {
  const { pass, told, take, outbox, hook } = await aWatch(t, [box], { statuses: [500, 302, 200] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });

  await pass(2, { beating: [box] });
  const [afterOne] = outbox.channels();
  await pass(4, { beating: [box] });
  const [afterTwo] = outbox.channels();
  await pass(10, { beating: [box] });
  const [afterThree] = outbox.channels();

  assert.equal(hook.received.length, 3);
  assert.equal(new Set(told().map(({ noticeId }) => noticeId)).size, 1);
  assert.deepEqual([afterOne?.waiting, afterTwo?.waiting, afterThree?.waiting], [1, 1, 0]);
  assert.match(afterOne?.lastError ?? '', /it answered with status 500$/);
  assert.match(afterTwo?.lastError ?? '', /it answered with status 302, which is not followed$/);
  assert.equal(afterThree?.lastError, undefined);
});

test('a notice that waits is not held back by a clock that is put back', async (t) => {
  const { pass, take, jump, hook } = await aWatch(t, [box], { statuses: [500, 200] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });
  await pass(2, { beating: [box] });

  await jump(-3_600);
  await pass(4, { beating: [box] });

  assert.equal(hook.received.length, 2);
});

test('what nobody takes is given up after a day', async (t) => {
  const { pass, take, jump, outbox, lines } = await aWatch(t, [box], { statuses: [500] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });
  await pass(2, { beating: [box] });

  await jump(25 * 3_600);
  await pass(2, { beating: [box] });

  assert.equal(outbox.channels()[0]?.waiting, 0);
  assert.match(lines.join('\n'), /a notice was given up: .* status 500/);
});

interface WatchOptions {
  readonly statuses?: readonly number[];
  /** Whether signs of life get into the database. */
  readonly flushes?: boolean;
}

/** Hosts that beat every ten seconds, a webhook, and a clock that goes on as told: with a look every two seconds. */
async function aWatch(t: TestContext, hostIds: readonly HostId[] = [box], options: WatchOptions = {}) {
  const { statuses = [200], flushes = true } = options;
  const database = await aDatabase(t, hostIds);
  const hook = await aWebhook(t, statuses);
  const lines: string[] = [];
  let at = Date.parse('2026-05-01T00:00:00Z');
  const now = () => new Date(at);
  const hosts = new HostStore(database);
  const metrics = new MetricsStore(database);
  const sampleOf = ({ hostId }: { readonly hostId: HostId }) => metrics.latest(hostId, at - 40_000);
  const facts = new AlertFacts({ database, hosts, sampleOf });
  const log = (line: string) => lines.push(line);
  const outbox = new AlertOutbox({ database, atRest: randomBytes(32), server: 'here', now, log });
  outbox.set({ name: 'webhook', settings: { url: hook.url, secret: 'a secret' } });
  const open = () => new AlertWatch({ database, store: new AlertStore(database), facts, outbox, now });
  let watch = open();
  let second = 0;
  const pass = async (seconds: number, { beating = [] }: { readonly beating?: readonly HostId[] } = {}) => {
    for (let passed = 0; passed < seconds; passed += 1) {
      at += 1_000;
      second += 1;
      if (second % 10 === 0) for (const hostId of beating) hosts.saw(hostId, now().toISOString());
      if (second % 2 !== 0) continue;
      if (flushes) hosts.flush();
      await watch.look(never);
      await outbox.drain(never);
    }
  };
  const metricsSettings = { host: true, gpu: true, workspaces: true, retentionDays: 30 };
  return {
    outbox,
    hook,
    lines,
    told: hook.told,
    pass,
    take: async ({ fullness, agoSeconds }: { readonly fullness: number; readonly agoSeconds: number }) => {
      const sample = aSample(fullness, new Date(at - agoSeconds * 1_000));
      metrics.take(box, [sample], { now: at, aheadMs: 0, metrics: metricsSettings });
    },
    jump: async (seconds: number) => {
      at += seconds * 1_000;
    },
    restart: async (awaySeconds: number) => {
      at += awaySeconds * 1_000;
      watch = open();
    },
  };
}

async function aDatabase(t: TestContext, hostIds: readonly HostId[]): Promise<SqliteDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-alerts-'));
  const database = new SqliteDatabase({ file: join(folder, 'server.db'), subject: 'server state', migrations });
  t.after(async () => {
    database.close();
    await rm(folder, { recursive: true, force: true });
  });
  const sql = `INSERT INTO hosts (host_id, name, admission, public_key, sealing_key, registration_token, address, is_encrypted, enrolled_at, last_seen_at, engine, settings)
    VALUES (?, ?, 'admitted', ?, 's', 't', '127.0.0.1', 0, '2026-01-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z', 'up', '{}')`;
  for (const hostId of hostIds) database.run(sql, hostId, hostId === box ? 'box' : 'gone', hostId);
  return database;
}

async function secondsUntil(pass: () => Promise<void>, told: () => readonly unknown[], count: number): Promise<number> {
  let seconds = 0;
  await waitUntil(`${count} notices`, async () => {
    await pass();
    seconds += 1;
    return told().length >= count;
  });
  return seconds;
}

function aSample(fullness: number, at: Date): MetricsSample {
  const gib = 1024 ** 3;
  return {
    at: at.toISOString(),
    host: {
      load: [0, 0, 0],
      memory: { totalBytes: 1, usedBytes: 1, availableBytes: 0 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [
        {
          path: '/',
          totalBytes: 110 * gib,
          usedBytes: fullness * 100 * gib,
          availableBytes: (1 - fullness) * 100 * gib,
        },
      ],
      processes: 1,
      uptimeSeconds: 1,
    },
  };
}
