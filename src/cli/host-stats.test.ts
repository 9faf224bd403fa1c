import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { startServer, TestAgent, type TestServer } from '../server/suite-server.ts';
import { alertLs } from './alert-ls.ts';
import { alertRules } from './alert-rules.ts';
import { alertSet } from './alert-set.ts';
import { alertTest } from './alert-test.ts';
import type { Command } from './command.ts';
import { hostStats } from './host-stats.ts';

test('the latest of each host is one line, and a host is a line for each series', async (t) => {
  const place = await aFleet(t);

  const all = await run(place, hostStats, []);
  const one = await run(place, hostStats, ['bo'], { since: '15m' });
  const drawn = await run(place, hostStats, ['box'], {}, { columns: 100 });

  assert.match(all.out, /^box\t50 %\t1\.00\t1\.0 GiB of 2\.0 GiB\t50 % \/\t\t\t\t\d.* ago\n$/);
  assert.match(one.out, /^host\t\tcpu\t50 %\t50 %\t50 %\n/);
  assert.match(drawn.out, /^ +LAST +MEAN +HIGHEST +OVER TIME\nhost\n +cpu +50 % +50 % +50 % +[▄▅]\n/);
});

test('a narrow terminal is not overrun, and a drawing there is no room for is left out', async (t) => {
  const place = await aFleet(t);

  const widthsAt = async (columns: number) => {
    const { out } = await run(place, hostStats, ['box'], {}, { columns });
    return { widest: Math.max(...out.split('\n').map((line) => line.length)), isDrawn: /[▁-█]/.test(out) };
  };
  const [wide, narrow] = [await widthsAt(80), await widthsAt(50)];

  assert.deepEqual([wide.isDrawn, narrow.isDrawn], [true, false]);
  assert.ok(wide.widest <= 80 && narrow.widest <= 50, `${wide.widest}, ${narrow.widest}`);
});

test('a host that has told nothing is named, and so is one that is silent', async (t) => {
  const clock = { aheadMs: 0 };
  const place = await aFleet(t, () => new Date(Date.now() + clock.aheadMs));
  const { joinToken } = await place.admin.call('createJoinToken', { body: {} });
  await new TestAgent(place.url).register({ joinToken, name: 'mute' });

  const all = await run(place, hostStats, []);
  clock.aheadMs = 3_600_000;
  const silent = await run(place, hostStats, ['box']);

  assert.match(all.out, /^box\t[^\n]*\n$/);
  assert.equal(all.told, 'agora: nothing is known of mute since the server started\n');
  assert.match(silent.told, /^agora: box is not online, last heard of /);
});

test('a live view shows each sample in the lines of a terminal, and as lines elsewhere', async (t) => {
  const place = await aFleet(t);
  const terminal = { columns: 40, rows: 4, isStopped: true };

  const drawn = await run(place, hostStats, ['box'], { live: true }, terminal);
  const plain = await run(place, hostStats, ['box'], { live: true, json: true }, { isStopped: true });

  const [title = '', ...rows] = drawn.out.split('\n');
  assert.match(title, /^box, 20/);
  assert.equal(rows.at(-2), 'and 1 more: agora host stats box');
  assert.ok(rows.every((row) => row.length < 40));
  assert.equal((JSON.parse(plain.out) as MetricsSample).host?.cpu, 0.5);
});

test('JSON is what the server says, and a host is needed to look at over time', async (t) => {
  const place = await aFleet(t);

  const { out } = await run(place, hostStats, ['box'], { json: true });

  const { latest } = JSON.parse(out) as { latest: MetricsSample };
  assert.equal(latest.host?.cpu, 0.5);
  await assert.rejects(run(place, hostStats, ['box'], { live: true, since: '1h' }), (error) =>
    isAppError(error, 'usage'),
  );
  for (const options of [{ live: true }, { since: '1h' }]) {
    await assert.rejects(run(place, hostStats, [], options), (error) => isAppError(error, 'usage'));
  }
  await assert.rejects(run(place, hostStats, ['box'], { since: 'ever' }), (error) => isAppError(error, 'usage'));
});

test('rules and channels are set, listed and tried', async (t) => {
  const place = await aFleet(t);
  await writeFile(join(place.folder, 'secret'), 'a secret\n');
  const webhook = { url: 'http://127.0.0.1:9/hook', 'secret-file': 'secret' };

  await assert.rejects(run(place, alertTest, []), (error) => isAppError(error, 'not-ready'));
  const changed = await run(place, alertSet, ['disk-full'], { threshold: '0.8', for: '0s', 'over-for': '5m' });
  const channel = await run(place, alertSet, ['webhook'], webhook);
  const tried = await run(place, alertTest, []);
  const listed = await run(place, alertRules, []);
  const gone = await run(place, alertSet, ['webhook'], { off: true });
  const alerts = await run(place, alertLs, []);

  assert.equal(changed.out, 'disk-full\ton\t0.8\t0 s\t300 s\n');
  assert.match(channel.told, /alerts go to webhook http:\/\/127\.0\.0\.1:9\/hook/);
  assert.equal(tried.code, 1);
  assert.match(tried.out, /^webhook\tCannot send an alert to "http:\/\/127\.0\.0\.1:9\/hook": /);
  assert.equal(listed.out.split('\n').length, 7);
  assert.match(listed.told, /webhook http:\/\/127\.0\.0\.1:9\/hook; 0 wait: /);
  assert.match(gone.told, /no more/);
  assert.match(alerts.told, /there are no alerts/);
});

test('what is no rule, says nothing or contradicts itself is refused', async (t) => {
  const place = await aFleet(t);
  const refused: [string, Record<string, string | boolean>][] = [
    ['disk-ful', { on: true }],
    ['drift', {}],
    ['drift', { on: true, off: true }],
    ['webhook', { url: 'http://127.0.0.1:9' }],
    ['webhook', { url: 'http://127.0.0.1:9', 'secret-file': 'none' }],
    ['disk-full', { threshold: 'much' }],
  ];

  for (const [word, options] of refused) {
    await assert.rejects(
      run(place, alertSet, [word], options),
      (error) => isAppError(error, 'usage') || isAppError(error, 'unknown-name'),
    );
  }
});

async function aFleet(t: TestContext, now = () => new Date()): Promise<TestServer> {
  const place = await startServer(t, { now });
  const { joinToken } = await place.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(place.url);
  await agent.register({ joinToken });
  await agent.heartbeat([aSample()]);
  return place;
}

function aSample(): MetricsSample {
  const gib = 1024 ** 3;
  return {
    at: new Date().toISOString(),
    host: {
      cpu: 0.5,
      load: [1, 1, 1],
      memory: { totalBytes: 2 * gib, usedBytes: gib, availableBytes: gib },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [{ path: '/', totalBytes: 2, usedBytes: 1, availableBytes: 1 }],
      processes: 1,
      uptimeSeconds: 1,
    },
  };
}

interface RunOptions {
  /** Of the terminal; without it there is none. */
  readonly columns?: number;
  readonly rows?: number;
  /** Ctrl-C, once something was printed. */
  readonly isStopped?: boolean;
}

async function run(
  place: TestServer,
  command: Command,
  operands: readonly string[],
  options: object = {},
  { columns, rows = 30, isStopped = false }: RunOptions = {},
) {
  const printed = { out: '', told: '' };
  const stopping = new AbortController();
  const output = (into: keyof typeof printed) => ({
    write: async (content: string | Uint8Array) => {
      printed[into] += String(content);
      if (isStopped && into === 'out') stopping.abort();
    },
    isTerminal: columns !== undefined,
    columns: columns ?? 80,
    rows,
  });
  const { signal: stop } = stopping;
  const env = { HOME: place.folder, AGORA_SERVER: place.url, AGORA_TOKEN: place.adminToken };
  const stdin = (async function* () {})();
  const streams = { stdin, stdout: output('out'), stderr: output('told') };
  const running = command.run({ operands, options }, { env, cwd: place.folder, stop, force: stop, ...streams });
  const code = await running.catch((error: unknown) => {
    if (stop.aborted) return undefined;
    throw error;
  });
  return { code, ...printed };
}
