import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachKeys } from './terminal-input.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

test('what is typed is passed on as it is, also a Ctrl-P that something else follows', () => {
  const keys = new DetachKeys();

  const taken = ['ls\n', '\u0010', '\u0010x', '\u0011'].map((typed) => keys.take(bytes(typed)));

  assert.deepEqual(
    taken.map((input) => Buffer.from(input.bytes).toString()),
    ['ls\n', '', '\u0010\u0010x', '\u0011'],
  );
  assert.ok(taken.every(({ isDetached }) => !isDetached));
});

test('Ctrl-P Ctrl-Q leaves, also when the keys come apart; what was typed before is passed on', () => {
  const together = new DetachKeys().take(bytes('a\u0010\u0011b'));
  const apart = new DetachKeys();
  apart.take(bytes('\u0010'));

  assert.deepEqual(together, { bytes: bytes('a'), isDetached: true });
  assert.deepEqual(apart.take(bytes('\u0011')), { bytes: bytes(''), isDetached: true });
});
