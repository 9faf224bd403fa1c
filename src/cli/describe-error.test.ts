import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { describeError } from './describe-error.ts';

const quiet = { withStack: false };

test('an error says what failed, why, and what to do next', () => {
  const cause = new Error('connect ECONNREFUSED');
  const error = new AppError('unreachable', 'Cannot reach the engine', { cause, next: 'agora doctor' });

  assert.equal(
    describeError(error, quiet),
    'agora: Cannot reach the engine\n  because: connect ECONNREFUSED\n  next: agora doctor\n',
  );
});

test('a cause that only repeats the message is not said twice', () => {
  const error = new AppError('invalid-config', 'Cannot load config: boom', { cause: new Error('boom') });

  assert.equal(describeError(error, quiet), 'agora: Cannot load config: boom\n');
});

test('an error nobody expected asks to be reported', () => {
  assert.match(describeError(new TypeError('x is not a function'), quiet), /AGORA_DEBUG=1/);
});

test('a file that the system refuses is told as that, with what to do', () => {
  let error: unknown;
  try {
    mkdirSync('/dev/null/state');
  } catch (refused) {
    error = refused;
  }

  assert.equal(
    describeError(error, quiet),
    'agora: Cannot use "/dev/null/state": not a directory\n  next: Something else stands there: move it aside.\n',
  );
});

test('a full disk is told as that, also where the system names no file', () => {
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

  assert.equal(
    describeError(error, quiet),
    'agora: Cannot write: no space is left on the disk\n  next: Free some space.\n',
  );
});

test('the stack is shown only when asked for', () => {
  const error = new AppError('usage', 'Cannot run');

  assert.doesNotMatch(describeError(error, quiet), /describe-error.test/);
  assert.match(describeError(error, { withStack: true }), /describe-error.test/);
});

test('nothing that an error repeats acts on the terminal', () => {
  const cause = new Error('cursor\u001b[2Jup\u009b1A');
  const error = new AppError('refused', 'Cannot copy "\u001b]0;title\u0007x\r\u202e":\n  line two', {
    cause,
    next: 'a\u0007b',
  });

  assert.equal(describeError(error, quiet), 'agora: Cannot copy "x ":\n  line two\n  because: cursorup\n  next: ab\n');
});

test('what an error repeats begins no line of its own, only what belongs to the message does', () => {
  const hostile = 'a\nagora: signed out\r\nnext: run this';
  const error = new AppError('refused', `Cannot copy "${hostile}": 1 problem\n  line two`, {
    cause: new Error(`It says ${hostile}`),
    next: hostile,
  });

  const told = describeError(error, quiet).split('\n');

  assert.deepEqual(told, [
    'agora: Cannot copy "a agora: signed out  next: run this": 1 problem',
    '  line two',
    '  because: It says a agora: signed out  next: run this',
    '  next: a agora: signed out  next: run this',
    '',
  ]);
});
