import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrivedLog } from './arrived-log.ts';
import { LogPosition } from './log-position.ts';

async function* piecesOf(texts: readonly string[]) {
  for (const text of texts) yield { channel: 'output' as const, bytes: Buffer.from(text) };
}

/** What comes of pieces, the first of which comes at second 1, the next at 2. */
async function read(texts: readonly string[], { showsTimes = true, position = new LogPosition() } = {}) {
  const seconds = [1, 2, 3, 4].values();
  const now = () => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds.next().value));
  let text = '';
  for await (const { bytes } of arrivedLog(piecesOf(texts), { showsTimes, position, now })) text += Buffer.from(bytes);
  return text;
}

const [first, second, third] = [1, 2, 3].map((at) => `2026-01-01T00:00:0${at}.000Z`);

test('a line has one time, of when its first piece came', async () => {
  const pieces = ['$ ', 'ls', '\r\none\r\ntwo\r\n', '$ '];

  assert.equal(await read(pieces.slice(0, 3)), `${first} $ ls\r\n${third} one\r\n${third} two\r\n`);
  assert.equal(await read(pieces, { showsTimes: false }), pieces.join(''));
});

test('a log that is read on goes on in its line, from when its last piece came', async () => {
  const position = new LogPosition();

  assert.equal(await read(['one\n', 'tw'], { position }), `${first} one\n${second} tw`);
  assert.equal(position.at, second);
  assert.equal(await read(['o\n', 'three\n'], { position }), `o\n${second} three\n`);
});
