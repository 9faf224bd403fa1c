import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { aWatch, box, gone } from './suite-alerts.ts';

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

async function secondsUntil(pass: () => Promise<void>, told: () => readonly unknown[], count: number): Promise<number> {
  let seconds = 0;
  await waitUntil(`${count} notices`, async () => {
    await pass();
    seconds += 1;
    return told().length >= count;
  });
  return seconds;
}
