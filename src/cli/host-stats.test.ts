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
  const drawn = await run(place, hostStats, ['box'], {}, true);

  assert.match(all.out, /^box\t50 %\t1\.00\t1\.0 GiB of 2\.0 GiB\t50 % \/\t\t\t\t\d.* ago\n$/);
  assert.match(one.out, /^host\t\tcpu\t50 %\t50 %\t50 %\n/);
  assert.match(drawn.out, /^KIND +OF +SERIES +LAST +MEAN +HIGHEST +OVER TIME\nhost +cpu +50 % +50 % +50 % +[▄▅]\n/);
});

test('JSON is what the server says, and a host is needed to look at over time', async (t) => {
  const place = await aFleet(t);

  const { out } = await run(place, hostStats, ['box'], { json: true });

  const { latest } = JSON.parse(out) as { latest: MetricsSample };
  assert.equal(latest.host?.cpu, 0.5);
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

async function aFleet(t: TestContext): Promise<TestServer> {
  const place = await startServer(t);
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

async function run(
  place: TestServer,
  command: Command,
  operands: readonly string[],
  options: object = {},
  isTerminal = false,
) {
  const printed = { out: '', told: '' };
  const output = (into: keyof typeof printed) => ({
    write: async (content: string | Uint8Array) => {
      printed[into] += String(content);
    },
    isTerminal,
    columns: 100,
    rows: 30,
  });
  const { signal } = new AbortController();
  const env = { HOME: place.folder, AGORA_SERVER: place.url, AGORA_TOKEN: place.adminToken };
  const stdin = (async function* () {})();
  const streams = { stdin, stdout: output('out'), stderr: output('told') };
  const code = await command.run(
    { operands, options },
    { env, cwd: place.folder, stop: signal, force: signal, ...streams },
  );
  return { code, ...printed };
}
