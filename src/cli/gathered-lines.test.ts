import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { GatheredLines } from './gathered-lines.ts';
import type { Output } from './output.ts';

function anOutput(write: (text: string) => Promise<void>): Output {
  return { write: (content) => write(String(content)), isTerminal: false, columns: 80, rows: 24 };
}

test('lines that come at once are printed together, in order, and none waits for another', async () => {
  const written: string[] = [];
  const lines = new GatheredLines(anOutput(async (text) => void written.push(text)));

  await lines.add('one');
  await lines.add('two');
  await setImmediate();
  await lines.add('three');
  await lines.flush();

  assert.deepEqual(written, ['one\ntwo\n', 'three\n']);
});

test('many lines wait for a slow reader', async () => {
  const reader = Promise.withResolvers<void>();
  const lines = new GatheredLines(anOutput(() => reader.promise));
  let isOn = false;

  const added = lines.add('x'.repeat(100_000)).then(() => {
    isOn = true;
  });
  await setImmediate();
  assert.equal(isOn, false);
  reader.resolve();

  await added;
  assert.equal(isOn, true);
});

test('a reader that has gone is told', async () => {
  const lines = new GatheredLines(anOutput(() => Promise.reject(new Error('EPIPE'))));

  await lines.add('one');
  await setImmediate();

  await assert.rejects(lines.flush(), /EPIPE/);
});
