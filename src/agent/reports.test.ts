import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { HostReport } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import { merged, Reports, type ReportsOptions } from './reports.ts';
import { StateFolder } from './state-folder.ts';

const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z'];

async function someState(t: TestContext): Promise<StateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-reports-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return new StateFolder(folder);
}

/** A server that takes what `answer` lets it take. */
function aLink(answer: (report: HostReport) => void): ReportsOptions['link'] {
  return {
    ready: async () => {},
    call: async (_name: string, request: unknown) => {
      answer((request as { body: HostReport }).body); // Reports call nothing else.
      return undefined as never;
    },
  };
}

test('what waits of one revision goes together: the newest state, and each time as it first was', () => {
  const waiting = [
    { revision: 1, times: { planned: early }, problems: [{ name: 'a', message: 'b' }] },
    { revision: 1, times: { planned: late, applied: late }, problems: [] },
  ].reduce(merged, []);

  assert.deepEqual(waiting, [{ revision: 1, times: { planned: early, applied: late }, problems: [] }]);
  assert.equal(merged(waiting, { revision: 2, times: { planned: late } }).length, 2);
});

test('what could not be sent is sent later, merged with what came meanwhile, under growing numbers', async (t) => {
  const sent: HostReport[] = [];
  let isAway = true;
  const link = aLink((report) => {
    if (isAway) throw new AppError('unreachable', 'away');
    sent.push(report);
  });
  const state = await someState(t);
  const stop = new AbortController();
  const reports = new Reports({ link, state, log: () => {} });
  const ended = reports.run(stop.signal);

  reports.add({ revision: 3, times: { planned: early } });
  await waitUntil('a try', () => state.read('report-sequence'));
  reports.add({ revision: 3, times: { applied: late } });
  isAway = false;
  reports.retry();
  await waitUntil('the report', () => sent.length > 0);
  stop.abort();
  await ended;

  assert.deepEqual(sent.at(-1)?.times, { planned: early, applied: late });
  const again = new Reports({ link, state, log: () => {} });
  const second = new AbortController();
  const endedAgain = again.run(second.signal);
  again.add({ revision: 3 });
  const before = sent.length;
  await waitUntil('the next report', () => sent.length > before);
  second.abort();
  await endedAgain;
  assert.ok((sent.at(-1)?.sequence ?? 0) > (sent.at(before - 1)?.sequence ?? 0));
});

test('what the server will never take does not hold up what comes after', async (t) => {
  const sent: HostReport[] = [];
  const link = aLink((report) => {
    if (report.revision === 1) throw new AppError('invalid-input', 'no');
    sent.push(report);
  });
  const stop = new AbortController();
  const lines: string[] = [];
  const reports = new Reports({ link, state: await someState(t), log: (line) => lines.push(line) });
  reports.add({ revision: 1 });
  reports.add({ revision: 2 });

  const ended = reports.run(stop.signal);
  await waitUntil('the second', () => sent.length > 0);
  stop.abort();
  await ended;

  assert.deepEqual(
    sent.map(({ revision }) => revision),
    [2],
  );
  assert.equal(lines.length, 1);
});
