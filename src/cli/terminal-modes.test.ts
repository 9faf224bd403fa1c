import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerminalModes } from './terminal-modes.ts';

function after(...printed: readonly string[]): TerminalModes {
  const modes = new TerminalModes();
  for (const text of printed) modes.take(Buffer.from(text));
  return modes;
}

test('a program that prints text leaves nothing to undo', () => {
  assert.equal(after('hello \x1b[31mred\x1b[0m\r\n').undo(), '');
});

test('an editor that was left is undone, its own screen last', () => {
  const modes = after('\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?25l');

  assert.equal(modes.isAlternate, true);
  assert.equal(modes.undo(), '\x1b[m\x1b>\x1b[r\x1b[?1l\x1b[?2004l\x1b[?25h\x1b[?1049l');
});

test('an editor that ended by itself leaves nothing to undo', () => {
  const modes = after('\x1b[?1049;25h text \x1b[?1049l');

  assert.equal(modes.isAlternate, false);
  assert.equal(modes.undo(), '');
});

test('a sequence counts wherever it is cut', () => {
  const whole = 'a\x1b[?1049hb';
  for (let at = 0; at <= whole.length; at += 1) {
    assert.equal(after(whole.slice(0, at), whole.slice(at)).isAlternate, true, `cut at ${at}`);
  }
});
