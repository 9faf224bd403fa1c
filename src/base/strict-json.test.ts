import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { casesOf, leftToNpmTest } from '../../test/support/quick-tests.ts';
import { parseStrictJson, StrictJsonError, type StrictJsonOptions } from './strict-json.ts';

const plain: StrictJsonOptions = { maxBytes: 1e6, maxDepth: 32, maxStringBytes: 1000, numbers: 'double' };
const exact: StrictJsonOptions = { ...plain, numbers: 'integer', canonicalStrings: true };

function refusal(input: string | Uint8Array, options: StrictJsonOptions = plain): StrictJsonError {
  try {
    parseStrictJson(input, options);
  } catch (error) {
    assert.ok(error instanceof StrictJsonError, String(error));
    return error;
  }
  return assert.fail(`accepted ${String(input).slice(0, 80)}`);
}

test('what JSON.stringify prints is read as JSON.parse reads it', () => {
  // This one name is refused, which has a test of its own.
  const parseable = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(
    fc.property(parseable, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const text = JSON.stringify(value, undefined, space);
      assert.deepEqual(parseStrictJson(text, { ...plain, maxDepth: 500 }), JSON.parse(text));
      assert.deepEqual(parseStrictJson(Buffer.from(text), { ...plain, maxDepth: 500 }), JSON.parse(text));
    }),
  );
});

test('text that JSON.parse refuses is refused, whatever it is', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '1',
    '-',
    '.5',
    'e',
    'tru',
    'null',
    ' ',
    '\\',
    '0',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const text = tokens.join('');
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (!isJson) refusal(text);
    }),
    { numRuns: casesOf(2000) },
  );
});

test('a refusal names the JSON path, the line and the column', () => {
  const error = refusal('{"items":[{"id":"a"},\n  {"id":"b"},\n  {"id":nul}]}');

  assert.equal(error.path, 'items[2].id');
  assert.equal(error.line, 3);
  assert.equal(error.column, 9);
  assert.equal(error.message, 'has an unexpected "n"');
});

test('an object may have a member once, and none called __proto__', () => {
  assert.equal(refusal('{"a":{"b":1,"b":2}}').path, 'a.b');
  assert.match(refusal('{"a":1,"\\u0061":2}').message, /twice/);
  assert.match(refusal('{"__proto__":{"isAdmin":true}}').message, /__proto__/);
  assert.deepEqual(parseStrictJson('{"constructor":1,"toString":2}', plain), { constructor: 1, toString: 2 });
});

test('a byte order mark, invalid UTF-8, lone surrogates and text after the value are refused', () => {
  assert.match(refusal('\ufeff{}').message, /byte order mark/);
  assert.match(refusal(Buffer.from([0xef, 0xbb, 0xbf, 0x31])).message, /byte order mark/);
  assert.equal(refusal(Buffer.from([0x22, 0x0a, 0xff, 0x22])).line, 2);
  assert.match(refusal('"\ud800"').message, /lone surrogate/);
  assert.match(refusal('"\\udc00"').message, /lone surrogate/);
  assert.match(refusal('{} {}').message, /after the value/);
});

test('limits on size, depth and strings hold', () => {
  assert.match(refusal(' '.repeat(11), { ...plain, maxBytes: 10 }).message, /11 bytes long, the limit is 10/);
  assert.match(refusal(`["${'é'.repeat(501)}"]`).message, /string of 1002 bytes/);
  assert.match(refusal(`{"${'k'.repeat(1001)}":1}`).message, /string of 1001 bytes/);
  assert.equal(refusal('[[[]]]', { ...plain, maxDepth: 2 }).path, '[0][0]');
});

test('nesting of 200,000 levels is refused, not run into', () => {
  for (const text of ['['.repeat(200_000), '{"a":'.repeat(200_000)]) {
    assert.match(refusal(text, { ...plain, maxBytes: 1e7, maxDepth: 1e9 }).message, /nested deeper than 500/);
  }
});

test('a number that would be read as another one is refused', () => {
  assert.match(refusal('9007199254740993').message, /cannot be kept exactly/);
  assert.match(refusal('1e400').message, /out of range/);
  assert.deepEqual(parseStrictJson('[1.5,1e3,-0.25,100000000000000000000]', plain), [1.5, 1000, -0.25, 1e20]);
});

test('integers have one spelling where integers are asked for', () => {
  for (const text of ['1.0', '1e0', '-0', '0.5', '9007199254740992']) refusal(text, exact);
  assert.deepEqual(parseStrictJson('[0,-1,9007199254740991]', exact), [0, -1, 2 ** 53 - 1]);
});

test('strings have one spelling where canonical strings are asked for', () => {
  for (const text of ['"\\u0061"', '"\\/"', '"\\u000A"', '"\\u001F"', '"\\u00e9"']) refusal(text, exact);
  assert.equal(parseStrictJson('"\\n\\u001f\\"é\u2028"', exact), '\n\u001f"é\u2028');
  assert.equal(parseStrictJson('"\\u0061"', plain), 'a');
});

test('a reader of problems gets all of them, and the first value stands', () => {
  const paths: string[] = [];
  const text = '{"a":1,"a":2,"b":[1e999],"__proto__":3,"c":"\\ud800"}';

  const value = parseStrictJson(text, { ...plain, onProblem: ({ path }) => paths.push(path) });

  assert.deepEqual(paths, ['a', 'b[0]', '__proto__', 'c']);
  assert.deepEqual(Object.keys(value as object), ['a', 'b', 'c']);
  assert.equal((value as { a: number }).a, 1);
});

test('a text with 100,000 problems is read in one pass', { skip: leftToNpmTest }, () => {
  const lines: number[] = [];
  const members = '"a":1,'.repeat(50_000) + '\n"a":1,'.repeat(50_000);

  parseStrictJson(`{${members}"a":1}`, { ...plain, onProblem: ({ line }) => lines.push(line) });

  assert.equal(lines.length, 100_000);
  assert.equal(lines.at(-1), 50_001);
});

test('a plan of 100,000 items is read whole', { skip: leftToNpmTest }, () => {
  const items = Array.from({ length: 100_000 }, (_, index) => ({
    id: `item-${index}`,
    depends_on: [`item-${index + 1}`],
  }));

  const value = parseStrictJson(JSON.stringify({ items }), { ...plain, maxBytes: 64 * 1024 * 1024 });

  assert.deepEqual(value, { items });
});
