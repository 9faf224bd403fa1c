import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
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

export const box = hostIdSchema.parse(`h-${'a'.repeat(26)}`);
export const gone = hostIdSchema.parse(`h-${'b'.repeat(26)}`);
const never = new AbortController().signal;

interface WatchOptions {
  readonly statuses?: readonly number[];
  /** Whether signs of life get into the database. */
  readonly flushes?: boolean;
}

/** Hosts that beat every ten seconds, a webhook, and a clock that goes on as told: with a look every two seconds. */
export async function aWatch(t: TestContext, hostIds: readonly HostId[] = [box], options: WatchOptions = {}) {
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
    database,
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

/** A host with one disk, so full from 0 to 1. */
export function aSample(fullness: number, at: Date): MetricsSample {
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
