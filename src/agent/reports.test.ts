import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { HostReport } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import { merged, Reports, type ReportsOptions } from './reports.ts';

const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z'];

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

test('what could not be sent is sent later, merged with what came meanwhile, under growing numbers', async () => {
  const sent: HostReport[] = [];
  let isAway = true;
  let tries = 0;
  const link = aLink((report) => {
    tries += 1;
    if (isAway) throw new AppError('unreachable', 'away');
    sent.push(report);
  });
  const stop = new AbortController();
  const reports = new Reports({ link, log: () => {} });
  const ended = reports.run(stop.signal);

  reports.add({ revision: 3, times: { planned: early } });
  await waitUntil('a try', () => tries > 0);
  reports.add({ revision: 3, times: { applied: late } });
  isAway = false;
  reports.retry();
  await waitUntil('the report', () => sent.length > 0);
  stop.abort();
  await ended;

  assert.deepEqual(sent.at(-1)?.times, { planned: early, applied: late });
  assert.equal(sent.at(-1)?.sequence, tries);
});

test('what the server will never take does not hold up what comes after', async () => {
  const sent: HostReport[] = [];
  const link = aLink((report) => {
    if (report.revision === 1) throw new AppError('invalid-input', 'no');
    sent.push(report);
  });
  const stop = new AbortController();
  const lines: string[] = [];
  const reports = new Reports({ link, log: (line) => lines.push(line) });
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
