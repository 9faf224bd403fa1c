import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStrictYaml, StrictYamlError } from './strict-yaml.ts';

function parse(text: string | Uint8Array, maxBytes = 10_000) {
  return parseStrictYaml(typeof text === 'string' ? Buffer.from(text) : text, { maxBytes });
}

test('a document is its JSON value, and each value has its place', () => {
  const { value, placeOf } = parse('# top\nenvs:\n  - name: minimal\n    values: { A: "1" }\n');

  assert.deepEqual(value, { envs: [{ name: 'minimal', values: { A: '1' } }] });
  assert.deepEqual(placeOf(['envs', 0, 'values', 'A']), { line: 4, column: 18 });
  assert.deepEqual(placeOf(['envs', 0, 'missing']), { line: 3, column: 5 });
  assert.deepEqual(placeOf([]), { line: 2, column: 1 });
});

test('words that other parsers take for booleans stay text', () => {
  assert.deepEqual(parse('[no, yes, on, 1.0, true]').value, ['no', 'yes', 'on', 1, true]);
});

const refused: readonly (readonly [title: string, text: string | Uint8Array, message: RegExp, line: number])[] = [
  ['a key twice', 'a: 1\nb: 2\na: 3\n', /unique/, 3],
  ['an alias', 'a: &x [1]\nb: *x\n', /aliases/, 2],
  ['a tag of its own', 'a: !secret x\n', /tag/, 1],
  ['a second document', 'a: 1\n---\nb: 2\n', /document/, 2],
  ['a key that is no text', '1: x\n', /key must be text/, 1],
  ['a key that schemas leave out', 'a:\n  b: 1\n  __proto__: {}\n', /the key "__proto__" is not taken/, 3],
  ['a number JSON lacks', 'a: .inf\n', /finite/, 1],
  ['an integer that would become another', 'a: 1\nb: 9007199254740993\n', /9007199254740993 cannot be kept exactly/, 2],
  ['text that is none', 'a: "\\ud800"\n', /lone surrogate/, 1],
  ['a key that is none', 'a: 1\n"\\udfff": 1\n', /lone surrogate/, 2],
  ['a tab for indentation', 'a:\n\tb: 1\n', /tab|indent/i, 2],
  ['bytes that are not UTF-8', Uint8Array.of(0x61, 0x3a, 0x20, 0xff), /UTF-8/, 1],
];

for (const [title, text, message, line] of refused) {
  test(`${title} is refused with its line`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof StrictYamlError && message.test(error.message) && error.place.line === line,
    );
  });
}

test('a text over the limit is refused unparsed', () => {
  assert.throws(() => parse('a: 1\n', 4), /is larger than 4 bytes/);
});

test('an empty document is null', () => {
  assert.equal(parse('').value, null);
  assert.equal(parse('# nothing\n').value, null);
});

test('what the parser cannot take is told in words for who wrote it', () => {
  assert.throws(() => parse('a: 1\n---\nb: 1\n'), /another document starts here: one is taken/);
  assert.throws(() => parse('['.repeat(20_000), 100_000), /is nested too deeply/);
});

test('the key of a value, or the nearest one above it that is there, has a place too', () => {
  const { placeOfKey } = parseStrictYaml(Buffer.from('a:\n  b:\n    c: 1\n  list:\n    - x: 1\n    - 2\n'), {
    maxBytes: 1_000,
  });

  assert.deepEqual(placeOfKey(['a', 'b']), { line: 2, column: 3 });
  assert.deepEqual(placeOfKey(['a', 'b', 'c']), { line: 3, column: 5 });
  assert.deepEqual(placeOfKey(['a', 'b', 'missing', 'below']), { line: 2, column: 3 });
  assert.deepEqual(placeOfKey(['a', 'list', 1]), { line: 6, column: 7 });
  assert.deepEqual(placeOfKey([]), { line: 1, column: 1 });
});
