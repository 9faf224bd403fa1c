import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LogFiles } from './log-files.ts';

async function someFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-logs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('all files together stay under the cap, and what goes is the oldest', async (t) => {
  const folder = await someFolder(t);
  const maxTotalBytes = 8_192;
  let at = Date.UTC(2026, 0, 1);
  const now = () => {
    at += 1_000;
    return new Date(at);
  };
  const logs = new LogFiles({ folder, maxTotalBytes, now });

  for (let line = 0; line < 1_000; line += 1) {
    logs.write(`line ${line} ${'x'.repeat(60)}`);
    if (line % 50 === 0) assert.ok((await sizeOf(folder)) <= maxTotalBytes);
  }
  logs.close();

  const names = (await readdir(folder)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const numbers = texts.flatMap((text) => [...text.matchAll(/line (\d+)/g)].map(([, number]) => Number(number)));
  numbers.sort((a, b) => a - b);
  assert.equal(numbers.at(-1), 999);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => 999 - (numbers.length - 1) + index),
  );
  assert.ok(numbers.length > 40, `${numbers.length} lines are kept`);
});

test('an agent that starts again goes on with its file, and a line that is too long is cut', async (t) => {
  const folder = await someFolder(t);
  const first = new LogFiles({ folder, maxTotalBytes: 8_192 });
  first.write('one');
  first.close();

  const second = new LogFiles({ folder, maxTotalBytes: 8_192 });
  second.write(`two\n${'y'.repeat(100_000)}`);
  second.close();

  const files = await readdir(folder);
  assert.ok(files.includes('agent.log'));
  assert.ok((await sizeOf(folder)) <= 8_192);
});

test('a folder that cannot be written loses lines and nothing else', () => {
  const logs = new LogFiles({ folder: '/dev/null/logs', maxTotalBytes: 8_192 });

  logs.write('nowhere');
  logs.close();
});
