import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerminalModes } from './terminal-modes.ts';

function after(...printed: readonly string[]): TerminalModes {
  const modes = new TerminalModes();
  for (const text of printed) modes.take(Buffer.from(text));
  return modes;
}

const plain = '\x1b(B\x0f\x1b[<u\x1b[>4m\x1b[0 q\x1b>\x1b[m';

test('a program that prints text leaves nothing to undo', () => {
  assert.equal(after('hello\r\n').undo(), '');
});

test('keys, letters, the cursor and colors that a program has changed are put back, whatever it was', () => {
  for (const change of ['\x1b[>1u', '\x1b(0', '\x0e', '\x1b[5 q', '\x1b[>4;2m', '\x1b[31m'])
    assert.equal(after(change).undo(), plain, JSON.stringify(change));
});

test('an editor that was left is undone, its own screen last', () => {
  const modes = after('\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?25l');

  assert.equal(modes.isAlternate, true);
  assert.equal(modes.undo(), `${plain}\x1b[r\x1b[?1l\x1b[?2004l\x1b[?25h\x1b[?1049l`);
});

test('an editor that ended by itself has no modes to undo', () => {
  const modes = after('\x1b[?1049;25h text \x1b[?1049l');

  assert.equal(modes.isAlternate, false);
  assert.equal(modes.undo(), plain);
});

test('a sequence counts wherever it is cut', () => {
  const whole = 'a\x1b[?1049hb';
  for (let at = 0; at <= whole.length; at += 1) {
    assert.equal(after(whole.slice(0, at), whole.slice(at)).isAlternate, true, `cut at ${at}`);
  }
});
