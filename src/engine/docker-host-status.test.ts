import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContainerDetails, isStillSo, readListedStatus } from './docker-host-status.ts';

test("a list's words tell status, health, exit code and age", () => {
  const read = (state: string, words: string) => readListedStatus(state, words);

  assert.deepEqual(read('running', 'Up 5 minutes (healthy)'), aStatus({ health: 'healthy', sinceMs: 300_000 }));
  assert.deepEqual(
    read('running', 'Up About a minute (health: starting)'),
    aStatus({ health: 'starting', sinceMs: 60_000 }),
  );
  assert.deepEqual(read('running', 'Up Less than a second'), aStatus({}));
  assert.deepEqual(read('paused', 'Up 3 seconds (Paused)'), aStatus({ status: 'paused', sinceMs: 3_000 }));
  assert.deepEqual(
    read('exited', 'Exited (137) 2 hours ago'),
    aStatus({ status: 'exited', exitCode: 137, sinceMs: 5_400_000 }),
  );
  assert.deepEqual(
    read('restarting', 'Restarting (-1) 2 seconds ago'),
    aStatus({ status: 'restarting', exitCode: -1, sinceMs: 2_000 }),
  );
  assert.deepEqual(read('created', 'Created'), aStatus({ status: 'created' }));
  assert.deepEqual(read('stopped', ''), aStatus({ status: 'exited' }));
});

test('a status that nobody knows is no reason to make a container again', () => {
  assert.equal(readListedStatus('unknown', '').status, 'exited');
});

test('an age is never told as more than it may be', () => {
  const ages = ['About an hour', '47 hours', '2 days', '3 weeks', '5 months', '2 years'];

  assert.deepEqual(
    ages.map((age) => readListedStatus('running', `Up ${age}`).sinceMs / 3_600_000),
    [0.5, 46.5, 47.5, 503.5, 3_599.5, 17_519.5],
  );
});

test('what was seen still holds when the container is longer as it is than it was seen ago', () => {
  const seen = aLook({ provenAtMs: 100_000, lookedAtMs: 100_000 });

  assert.equal(isStillSo(seen, aStatus({ sinceMs: 11_000 }), 110_000), true);
  assert.equal(isStillSo(seen, aStatus({ sinceMs: 10_000 }), 110_000), false);
});

test('another status, exit code or no word on health make one look again, and time does', () => {
  const listed = aStatus({ sinceMs: 3_600_000 });
  const isSo = (look: Partial<ContainerDetails>, now = 1_000) => isStillSo(aLook(look), listed, now);

  assert.equal(isSo({}), true);
  assert.equal(isSo({ status: 'paused' }), false);
  assert.equal(isSo({ health: 'healthy' }), false);
  assert.equal(isSo({ provenAtMs: 300_001 }, 300_001), false);
  const exited = aLook({ status: 'exited', exitCode: 1 });
  assert.equal(isStillSo(exited, aStatus({ status: 'exited', exitCode: 0, sinceMs: 3_600_000 }), 1_000), false);
});

function aStatus(wish: Partial<ReturnType<typeof readListedStatus>>): ReturnType<typeof readListedStatus> {
  return { status: 'running', health: undefined, exitCode: undefined, sinceMs: 0, ...wish };
}

function aLook(wish: Partial<ContainerDetails>): ContainerDetails {
  return { status: 'running', health: 'none', exitCode: 0, lookedAtMs: 0, provenAtMs: 0, ...wish };
}
