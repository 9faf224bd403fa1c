import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Transcript } from './transcript.ts';
import { aFolder } from './worker-under-test.ts';

test('a transcript is closed once what was added is written, however often it is asked for', async (t) => {
  const path = join(await aFolder(t), 'transcript');
  const transcript = Transcript.open(path, 10_000);

  void transcript.add('stdout', 'one\n');
  void transcript.add('stderr', 'two\n');
  await Promise.all([transcript.close(), transcript.close()]);

  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ stream, text }) => [stream, text]),
    [
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
    ],
  );
});

test('what comes after its end goes nowhere, not into the file that has its number now', async (t) => {
  const folder = await aFolder(t);
  const transcript = Transcript.open(join(folder, 'transcript'), 10_000);
  await transcript.close();
  const next = openSync(join(folder, 'next'), 'w');
  t.after(() => closeSync(next));

  await transcript.add('stdout', 'late\n');

  assert.equal(readFileSync(join(folder, 'transcript'), 'utf8'), '');
  assert.equal(readFileSync(join(folder, 'next'), 'utf8'), '');
});
