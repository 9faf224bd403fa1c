import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { waitUntil } from '../base/deadline.ts';
import { SessionsOnEngine, skip } from './suite-sessions.ts';

const megabyte = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** What this process holds, the agent and its caller together. */
function heldBytes(): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

describe('what flows through an agent', { skip, concurrency: false, timeout: 120_000 }, () => {
  const place = new SessionsOnEngine();
  before(() => place.open());
  after(() => place.close());

  test('endless output that nobody reads stays where it is made', async () => {
    const workspace = await place.start('endless', 'sleep 1000');
    const command = [
      'sh',
      '-c',
      'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done',
    ];
    const exec = { kind: 'exec', workspace, command };
    await place.hear({ ...exec, command: ['true'] });
    const before = heldBytes();
    const { session, cancel } = place.call(exec);
    await waitUntil('it to open', () => session.accepted);
    const looks: number[] = [];

    await waitUntil('enough looks', () => looks.push(heldBytes() - before) === 40, { intervalMs: 50 });
    cancel();

    const most = Math.max(...looks);
    assert.ok(most < 8 * megabyte, `it grew by ${(most / megabyte).toFixed(1)} MiB`);
  });

  test('an agent that passes on as much as it can still does what is due', async () => {
    const workspace = await place.start('much', 'sleep 1000');
    const size = 200_000_000;
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const { session, ended } = place.call({ kind: 'exec', workspace, command: ['head', '-c', `${size}`, '/dev/zero'] });
    delay.enable();

    let bytes = 0;
    for await (const part of session.output()) bytes += part.bytes.length;
    delay.disable();

    assert.equal(bytes, size);
    assert.equal((await ended).kind, 'ended');
    assert.ok(delay.percentile(99) < 250e6, `p99 is ${delay.percentile(99) / 1e6} ms`);
  });
});
