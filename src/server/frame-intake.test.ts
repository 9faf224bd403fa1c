import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame } from '../session/frame.ts';
import { FrameBudgets, frameIntake } from './frame-intake.ts';

const frame = encodeFrame(1, { type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('x') });
const link = { receive: () => undefined };

function aSocket(budgets: FrameBudgets, whose: string) {
  const told: string[] = [];
  const socket = { pause: () => void told.push('pause'), resume: () => void told.push('resume') };
  return { told, take: frameIntake(socket, { budgets, whose, link }) };
}

test('all sockets of a user share what their frames may cost, and those of others go on', () => {
  const budgets = new FrameBudgets();
  const [one, other, ofAnother] = [aSocket(budgets, 'ada'), aSocket(budgets, 'ada'), aSocket(budgets, 'olga')];

  for (let sent = 0; sent < 3_000; sent += 1) {
    one.take(frame);
    other.take(frame);
  }
  ofAnother.take(frame);

  assert.equal(one.told.at(0), 'pause');
  assert.equal(other.told.at(0), 'pause');
  assert.deepEqual(ofAnother.told, []);
});

test('a socket whose frames are too many twice in a tick is read again once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { told, take } = aSocket(new FrameBudgets(), 'ada');

  for (let sent = 0; sent < 12_000; sent += 1) take(frame);
  t.mock.timers.tick(200);

  assert.deepEqual(
    told.filter((word) => word === 'resume'),
    ['resume'],
  );
});
