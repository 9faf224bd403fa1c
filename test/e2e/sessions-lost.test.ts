import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, fleetEngineFor } from '../support/fleet-engine.ts';
import { kill } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { prints, SessionPlace } from '../support/session-place.ts';

const patience = { timeoutMs: 30_000, intervalMs: 50 };
const skip = (await privateEngineObstacle()) ?? false;

test('when an agent is killed, an exec says that it is lost; logs and attach go on with the next one', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const engine = await fleetEngineFor(t);
  const ticks = 'i=0; while true; do i=$((i + 1)); echo tick $i; sleep 0.1; done';
  const workspaces = { lost: aWorkspace({ command: ['sh', '-c', ticks] }) };
  const place = await SessionPlace.start(t, { engine, name: 'lost', workspaces });
  const exec = place.call(['host', 'exec', 'lost/lost', '--', 'sh', '-c', 'echo begun; sleep 1000']);
  const logs = place.call(['host', 'logs', '-f', 'lost/lost']);
  const attached = place.call(['host', 'attach', '--no-stdin', 'lost/lost']);
  await prints(exec, 'begun\n');
  for (const running of [logs, attached]) await prints(running, /(tick \d+\n){5}/);

  await kill(place.agent);
  await place.restartAgent();

  const lost = await exec.finished;
  const before = Math.max(...numbersOf(logs.stdout()), ...numbersOf(attached.stdout()));
  // What is attached to is not read from where it was: ticks may be missing there, and it may be long past these.
  for (const running of [logs, attached])
    await waitUntil('what is said after it', () => Math.max(...numbersOf(running.stdout())) > before + 20, patience);
  for (const running of [logs, attached]) await kill(running);
  assert.notEqual(lost.code, 0);
  assert.match(lost.stderr, /agora: .*(lost|ended|gone).*\n {2}next: /s);
  const followed = numbersOf(logs.stdout());
  assert.deepEqual(
    followed,
    followed.map((_, index) => index + 1),
    'a log is whole, and says nothing twice',
  );
  const seen = numbersOf(attached.stdout());
  assert.deepEqual(
    seen,
    [...new Set(seen)].sort((one, other) => one - other),
    'nothing comes twice',
  );
  assert.match(attached.stderr(), /anew/, 'what was said meanwhile may be missing, and that is told');
});

/** Of whole lines. */
function numbersOf(printed: string): number[] {
  return [...printed.matchAll(/^tick (\d+)\r?\n/gm)].map(([, number]) => Number(number));
}
