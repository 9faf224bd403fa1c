import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachKeys, keysOf } from './terminal-input.ts';

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

test('other keys may be the ones that leave, or none', () => {
  assert.deepEqual(keysOf('ctrl-p,ctrl-q'), [0x10, 0x11]);
  assert.deepEqual(keysOf('ctrl-],x,ctrl-@,Ctrl-[,ctrl-_'), [0x1d, 0x78, 0, 0x1b, 0x1f]);
  for (const typed of ['ctrl-', 'ctrl-pp', 'ä', ',', 'a,,b', 'ctrl-1', Array(17).fill('a').join(',')]) {
    assert.throws(() => keysOf(typed), { code: 'usage' }, typed);
  }
  const three = new DetachKeys(keysOf('a,a,b'));
  assert.deepEqual(three.take(bytes('xaaaz')), { bytes: bytes('xaaaz'), isDetached: false });
  assert.deepEqual(three.take(bytes('aaab')), { bytes: bytes('a'), isDetached: true });
  assert.deepEqual(new DetachKeys(keysOf('')).take(bytes('\u0010\u0011')), {
    bytes: bytes('\u0010\u0011'),
    isDetached: false,
  });
});
