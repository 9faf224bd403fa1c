import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildLogLimits } from '../contracts/builds.ts';
import { BuildLog } from './build-log.ts';

test('lines are whole however they were cut, without what only a terminal shows', () => {
  const log = new BuildLog();

  for (const text of ['Step 1/', '2 : FROM a\nget 1%\rget 9', '9%\r\n\u001b[31mred\u001b[0m\n', 'no end'])
    log.write(text);
  log.end();

  assert.deepEqual(log.next(), { first: 0, lines: ['Step 1/2 : FROM a', 'get 99%', 'red', 'no end'] });
  assert.deepEqual(log.step, { number: 1, of: 2 });
});

test('a secret is hidden though it comes in two pieces, from the moment it is known', () => {
  const log = new BuildLog();

  log.say('before');
  log.hide({ TOKEN: 'hunter2-hunter2' });
  log.write('it is hunter2-');
  log.write('hunter2.\n');
  log.end();

  assert.deepEqual(log.next().lines, ['before', 'it is <redacted:TOKEN>.']);
});

test('lines that the server has are forgotten, those that came meanwhile are not', () => {
  const log = new BuildLog();
  log.write('a\nb\n');

  const { first, lines } = log.next();
  log.write('c\n');
  log.told(first + lines.length);
  log.told(1);

  assert.deepEqual(log.next(), { first: 2, lines: ['c'] });
});

test('endless output costs a bounded number of bytes, and the newest are kept', () => {
  const log = new BuildLog();
  const line = 'x'.repeat(buildLogLimits.lineCharacters);

  for (let count = 0; count < 1_500; count += 1) log.write(`${line}${line}\n`);
  log.write('the end\n');
  const kept: string[] = [];
  let { first, lines } = log.next();
  const oldest = first;
  for (; lines.length > 0; { first, lines } = log.next()) {
    kept.push(...lines);
    log.told(first + lines.length);
  }

  assert.equal(oldest + kept.length, 3_001);
  assert.equal(kept.at(-1), 'the end');
  assert.ok(kept.reduce((sum, each) => sum + each.length, 0) <= buildLogLimits.bytes);
});

test('the current step is known with what its command printed last, not with what the engine says of it', () => {
  const log = new BuildLog();

  log.write('Step 1/2 : FROM a\n ---> 12ab\nStep 2/2 : RUN b\n ---> Running in 34cd\none\n\ntwo\nthree\nfour\n');
  assert.deepEqual(log.current, { instruction: 'RUN b', lastLines: ['two', 'three', 'four'] });

  log.write('Removing intermediate container 34cd\nSuccessfully built 56ef\nSuccessfully tagged c:1\n');
  assert.equal(log.current, undefined);
});
