import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { schemaWords } from './schema-words.ts';

const schema = z.strictObject({
  text: z.string().min(1).max(3),
  count: z.int().min(1).max(5),
  share: z.number().positive(),
  isOn: z.boolean(),
  list: z.array(z.string()).min(2),
  map: z.record(z.string().regex(/^a/, 'must begin with a'), z.string()),
  kind: z.enum(['one', 'two']),
  at: z.iso.datetime(),
  address: z.ipv4(),
  own: z.string({ error: 'must be mine' }),
});

function wordsFor(value: unknown): Record<string, string> {
  const parsed = schema.safeParse(value, { error: schemaWords });
  return Object.fromEntries((parsed.error?.issues ?? []).map(({ path, message }) => [path.join('.'), message]));
}

test('what is missing or of another kind is told in words for a person', () => {
  const nothing = wordsFor({});
  assert.deepEqual(nothing, {
    ...Object.fromEntries(Object.keys(schema.shape).map((key) => [key, 'is missing'])),
    kind: 'must be "one" or "two"',
    own: 'must be mine',
  });
  assert.equal(wordsFor([])[''], 'must be an object, not a list');
  assert.equal(wordsFor(null)[''], 'must be an object, not null');
});

test('what does not fit a limit or a form is told with the limit', () => {
  const words = wordsFor({
    text: 'long text',
    count: 1.5,
    share: 0,
    isOn: 'yes',
    list: ['x'],
    map: { b: 'x' },
    kind: 3,
    at: 'yesterday',
    address: '1.2.3',
    own: 'mine',
  });

  assert.deepEqual(words, {
    text: 'is longer than 3',
    count: 'must be a whole number, not 1.5',
    share: 'must be more than 0',
    isOn: 'must be true or false, not text',
    list: 'must hold at least 2 of them',
    'map.b': 'must begin with a',
    kind: 'must be "one" or "two"',
    at: 'must be a time such as 2026-01-31T12:00:00Z',
    address: 'must be an IPv4 address',
  });
  assert.equal(wordsFor({ text: '', count: Number.NaN })['text'], 'is empty');
  assert.equal(wordsFor({ count: Number.NaN })['count'], 'must be a number, not NaN');
  assert.equal(wordsFor({ count: 9 })['count'], 'must be at most 5');
});
