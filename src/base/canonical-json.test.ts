import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalize } from './canonical-json.ts';
import { parseStrictJson } from './strict-json.ts';

const lenient = { maxBytes: 1e6, maxDepth: 100, maxStringBytes: 1e6, numbers: 'double' } as const;

test('the structures example of RFC 8785 comes out as printed there', () => {
  const value = {
    // biome-ignore lint/correctness/noPrecisionLoss: the example is about how this literal is printed
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };

  const text = canonicalize(value);

  assert.equal(
    text,
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('members are ordered by UTF-16 code units, as in section 3.2.3 of RFC 8785', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };

  const text = canonicalize(value);

  assert.equal(text, '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

test('any JSON value has one canonical text, which parses back to it', () => {
  // The strict parser refuses this one name, which has a test of its own.
  const parseable = fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(
    fc.property(parseable, (value) => {
      const text = canonicalize(value);
      assert.deepEqual(parseStrictJson(text, lenient), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalize(JSON.parse(text)), text);
    }),
  );
});

test('what JSON cannot say exactly is refused', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);

  for (const value of [
    Number.NaN,
    Infinity,
    undefined,
    { a: undefined },
    [undefined],
    '\ud800',
    { '\udfff': 1 },
    1n,
    cycle,
  ]) {
    assert.throws(() => canonicalize(value), TypeError);
  }
});

test('integers only means no fraction and nothing past 2^53-1', () => {
  assert.equal(canonicalize([0, -5, 2 ** 53 - 1], { numbers: 'integer' }), '[0,-5,9007199254740991]');
  for (const value of [0.5, 2 ** 53]) {
    assert.throws(() => canonicalize({ value }, { numbers: 'integer' }), /only integers/);
  }
});
