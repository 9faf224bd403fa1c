import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Redactor } from '../base/redact.ts';
import { LineSplitter } from './line-splitter.ts';
import { LiveOutput } from './live-output.ts';
import { Recording } from './recording.ts';
import { aFolder } from './worker-under-test.ts';

async function aRecording(t: TestContext, maxBytes = 10_000_000) {
  const folder = await aFolder(t);
  const at = (name: string) => join(folder, name);
  const output = { stdout: openSync(at('stdout'), 'w'), stderr: openSync(at('stderr'), 'w') };
  t.after(() => Object.values(output).forEach(closeSync));
  const redactor = new Redactor({ TOKEN: 'hunter2-hunter2' });
  const recording = Recording.open({ path: at('transcript'), maxBytes, redactor, output });
  const entries = () =>
    readFileSync(at('transcript'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { recording, output, entries, read: (name: string) => readFileSync(at(name), 'utf8') };
}

test('a reader sees whole lines, the transcript keeps them, a person sees what it makes of them; no secret in either', async (t) => {
  const { recording, entries, read } = await aRecording(t);
  const lines: string[] = [];
  const reader = {
    onLine: (line: string) => {
      lines.push(line);
      if (line === 'bad') throw new Error('cannot read this');
      return line.startsWith('show') ? `shown ${line.length} hunter2-\nhunter2` : '';
    },
  };
  const chunks = ['show hun', 'ter2-hunter2\nba', 'd\nqui', 'et\nshow last'].map((text) => Buffer.from(text));

  await recording.follow(
    { stdout: Readable.from(chunks), stderr: Readable.from([]) },
    { reader, onTooMuch: assert.fail },
  );
  await recording.close();

  assert.deepEqual(lines, ['show hunter2-hunter2', 'bad', 'quiet', 'show last']);
  assert.equal(read('stdout'), 'shown 20 <redacted:TOKEN>\nshown 9 <redacted:TOKEN>\n');
  const textOf = (stream: string) =>
    entries()
      .filter((entry) => entry.stream === stream)
      .map(({ text }) => text)
      .join('');
  assert.equal(textOf('event'), 'show <redacted:TOKEN>\nbad\nquiet\nshow last');
  assert.equal(textOf('stdout'), read('stdout'));
});

test('live output ends at its limit with a line that says so, the transcript goes on', async (t) => {
  const { output, read } = await aRecording(t);
  const live = new LiveOutput(output, 10);

  await live.pass('stdout', Buffer.from('12345'));
  await live.pass('stdout', Buffer.from('67890abc'));
  await live.pass('stderr', Buffer.from('more'));

  assert.match(read('stdout'), /^1234567890\nagora worker: no more live output; the transcript goes on\n$/);
  assert.equal(read('stderr'), '');
});

test('all programs of a task share what they may print', async (t) => {
  const { recording, read } = await aRecording(t, 1_000);
  let tooMuch = 0;
  const print = (size: number) =>
    recording.follow(
      { stdout: Readable.from([Buffer.alloc(size, 'x')]), stderr: Readable.from([]) },
      { onTooMuch: () => (tooMuch += 1) },
    );

  await print(600);
  assert.equal(tooMuch, 0);
  await print(600);
  await recording.close();

  assert.equal(tooMuch, 1);
  assert.equal(read('stdout').length, 1_000);
});

test('a line without end fills no memory, and the next one is read again', () => {
  const lines = new LineSplitter();

  for (let count = 0; count < 20; count += 1) assert.deepEqual(lines.push(Buffer.alloc(100_000, 'x')), []);

  assert.deepEqual(lines.push(Buffer.from('end\nnext\nla')), ['next']);
  assert.deepEqual([...lines.push(Buffer.from('st')), ...lines.end()], ['last']);
});
