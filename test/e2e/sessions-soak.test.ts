import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionFleet } from '../../bench/session-fleet.ts';
import { type SoakedProcess, soak } from '../../bench/session-soak.ts';
import { leftToNpmTest } from '../support/quick-tests.ts';

const terminals = 500;
const seconds = 15;
const bytesPerSecond = 40_000;
const mebibyte = 1024 * 1024;
/** Of what is held after it, for what any long run leaves: code that was compiled, buffers that are kept. */
const slackBytes = 12 * mebibyte;

test(`${terminals} terminals at ${bytesPerSecond / 1_000} KB/s lose nothing and leave nothing behind`, {
  skip: leftToNpmTest,
  timeout: 150_000,
}, async (t) => {
  const fleet = await SessionFleet.start();
  t.after(() => fleet.close());

  const { server, agent, callerCpu, receivedBytes, tookSeconds, failures } = await soak(fleet, {
    terminals,
    seconds,
    bytesPerSecond,
  });

  t.diagnostic(`took ${tookSeconds.toFixed(1)} s; who reads ${callerCpu.toFixed(2)} of a core`);
  t.diagnostic(`server ${told(server)}`);
  t.diagnostic(`agent ${told(agent)}`);
  assert.deepEqual(failures, []);
  assert.equal(receivedBytes, terminals * seconds * bytesPerSecond);
  for (const { heldBytes, sockets } of [server, agent]) {
    assert.ok(heldBytes < slackBytes, `${heldBytes} bytes are held`);
    assert.ok(sockets <= 0, `${sockets} sockets are left`);
  }
});

function told({ cpu, residentBytes, heldBytes, sockets }: SoakedProcess): string {
  const of = (bytes: number) => `${(bytes / mebibyte).toFixed(1)} MiB`;
  return `${cpu.toFixed(2)} of a core, ${of(residentBytes)}; after it ${of(heldBytes)} and ${sockets} sockets more`;
}
