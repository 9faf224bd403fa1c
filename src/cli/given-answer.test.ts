import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type AnswerWords, givenAnswer } from './given-answer.ts';

const question = { options: ['red', 'blue'] };

async function* stdin(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function given(words: AnswerWords, more: { readonly cwd?: string; readonly stdin?: string } = {}) {
  return givenAnswer(words, question, { cwd: more.cwd ?? '/', stdin: stdin(more.stdin ?? '') });
}

test('an answer is text, an option, JSON or the text of a file', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'agora-answer-'));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  await writeFile(join(cwd, 'answer.txt'), 'from a file\n');

  assert.equal(await given({ text: 'keep it' }), 'keep it');
  assert.equal(await given({ option: '2' }), 'blue');
  assert.deepEqual(await given({ json: '{"keep":[1.5,null]}' }), { keep: [1.5, null] });
  assert.equal(await given({ file: 'answer.txt' }, { cwd }), 'from a file\n');
  assert.equal(await given({ file: '-' }, { stdin: 'piped' }), 'piped');
});

const refused: Readonly<Record<string, AnswerWords>> = {
  'nothing at all': {},
  'two at once': { text: 'a', option: '1' },
  'an empty text': { text: ' \n' },
  'option 0': { option: '0' },
  'an option there is not': { option: '3' },
  'an option that is no number': { option: 'red' },
  'JSON that is none': { json: '{"a":1,}' },
  'JSON with a key twice': { json: '{"a":1,"a":2}' },
  'a file that is not there': { file: 'nowhere/none.txt' },
};

for (const [name, words] of Object.entries(refused)) {
  test(`${name} is refused as an answer`, async () => {
    await assert.rejects(given(words), (error) => isAppError(error, 'usage'));
  });
}

test('an answer that is too long is refused, counted as the JSON it travels as', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'agora-answer-'));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  await writeFile(join(cwd, 'huge.txt'), 'x'.repeat(1024 * 1024 + 1));

  for (const words of [{ text: '"\n'.repeat(300_000) }, { file: 'huge.txt' }]) {
    await assert.rejects(given(words, { cwd }), (error) => isAppError(error, 'limit-exceeded'));
  }
});

test('what has no end is read no further than an answer may be long', async () => {
  let readBytes = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; readBytes < 64 * 1024 * 1024; readBytes += 65_536) yield Buffer.alloc(65_536, 'x');
  }

  for (const file of ['-', '/dev/zero']) {
    const answer = givenAnswer({ file }, question, { cwd: '/', stdin: endless() });
    await assert.rejects(answer, (error) => isAppError(error, 'limit-exceeded'));
  }
  assert.ok(readBytes <= 2 * 1024 * 1024, `${readBytes} bytes were read`);
});
