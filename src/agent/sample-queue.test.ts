import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SampleQueue } from './sample-queue.ts';
import { StateFolder } from './state-folder.ts';

const sampleAt = (second: number) => ({ at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString() });

test('samples wait in order, go when they were sent, and the oldest when they are too many', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-samples-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = new StateFolder(folder);
  const sizeBytes = JSON.stringify(sampleAt(0)).length;
  const queue = new SampleQueue({ state, maxBytes: 10 * sizeBytes });

  for (let second = 0; second < 12; second += 1) queue.add(sampleAt(second));
  const sending = queue.peek();
  for (let second = 12; second < 15; second += 1) queue.add(sampleAt(second));
  queue.sent(sending);

  assert.deepEqual([sending[0], sending.length], [sampleAt(2), 10]);
  assert.deepEqual(queue.peek(), [sampleAt(12), sampleAt(13), sampleAt(14)]);
  await queue.save();
  const again = new SampleQueue({ state });
  await again.load();
  assert.deepEqual(again.peek(), queue.peek());
  again.sent(again.peek());
  await again.save();
  assert.equal(await state.read('samples.json'), undefined);
});
