import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fit, oneLine } from './one-line.ts';

test('a text is one line without anything a terminal acts on or that hides what is there', () => {
  const hostile =
    'a\u001b[2J\u001b]0;title\u0007b\u0008\u0000\u001b \u202eevil\u202c\u2066\u200f \u009b31mc\r\n\u0085\u2028 d';

  assert.equal(oneLine(hostile, 100), 'ab evil c d');
  assert.equal(oneLine('ü 漢字 می\u200cخواهم 👩\u200d💻', 100), 'ü 漢字 می\u200cخواهم 👩\u200d💻');
});

test('of a long text the beginning is shown, no character of it halved', () => {
  const faces = oneLine('😀'.repeat(6), 5);

  assert.equal(faces, `${'😀'.repeat(5)}…`);
  assert.equal(oneLine('a\ud83d', 5), 'a');
});

test('a line is cut to the columns it takes, of which some characters need two', () => {
  assert.equal(fit('abcdef', 6), 'abcdef');
  assert.equal(fit('abcdef', 5), 'abcd…');
  assert.equal(fit('漢字漢字', 8), '漢字漢字');
  assert.equal(fit('漢字漢字', 7), '漢字漢…');
  assert.equal(fit('漢字漢字', 6), '漢字…');
  assert.equal(fit('😀😀', 3), '😀…');
  assert.equal(fit('\u001b[31mabc\u001b[39m', 3), '\u001b[31mabc\u001b[39m');
  assert.equal(fit('anything', Infinity), 'anything');
});
