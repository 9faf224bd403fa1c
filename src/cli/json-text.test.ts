import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonText } from './json-text.ts';

test('JSON for a terminal means the same and holds nothing the terminal acts on', () => {
  const value = { text: '\u001b[2J\u009b31m\u202eevil\u{e0041}\u2028 ü 漢 👩\u200d💻\n', list: [1] };

  const text = jsonText(value);

  assert.deepEqual(JSON.parse(text), value);
  assert.match(text, /\\u001b\[2J\\u009b31m\\u202eevil\\udb40\\udc41\\u2028 ü 漢 👩\u200d💻\\n/);
  assert.equal(jsonText({ list: [1] }, 2), '{\n  "list": [\n    1\n  ]\n}');
});
