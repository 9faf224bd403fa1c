import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inertLine } from './inert-line.ts';

test('what a terminal acts on goes, a break becomes a space, and the rest stays as wide as it was', () => {
  assert.equal(inertLine('  a\u001b[2J\u001b]0;title\u0007b\u0008\u009b31mc\u202e\r\nd\u0085e'), '  abc  d e');
  assert.equal(inertLine('می\u200cخواهم 👩\u200d💻'), 'می\u200cخواهم 👩\u200d💻');
});
