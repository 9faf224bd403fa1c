import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { dispatchInputsSchema } from '../contracts/dispatch-inputs.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { itemSchema, planSchema } from '../contracts/plan.ts';
import { subagentsOf } from '../registry/declared-subagents.ts';
import { checkValue, type PlanReading, parsePlan, type ReadingOptions } from './plan.ts';

const declarations: Declarations = {
  queues: { default: { concurrency: 2 } },
  executors: ['dispatch'],
  targets: ['local'],
  subagents: subagentsOf({
    edit: { command: ['node', 'edit.mjs', '{{file}}'] },
    online: { command: ['curl'], network: 'internet' },
  }),
  enforceLocks: false,
  defaults: {},
};

function readPlan(content: string | Uint8Array, known: Declarations, options: ReadingOptions = {}): PlanReading {
  const parsed = parsePlan(content);
  return parsed.kind === 'json' ? checkValue(parsed.value, known, options) : parsed;
}

function item(id: string, more: object = {}): object {
  return { id, inputs: { subagent: 'edit', workerInput: { file: 'a.ts' } }, ...more };
}

function problemsOf(content: string | Uint8Array | object): readonly Problem[] {
  const text = typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
  const reading = readPlan(text, declarations);
  assert.equal(reading.kind, 'invalid');
  return reading.problems;
}

function paths(content: string | object): string[] {
  return problemsOf(content).map((problem) => problem.path);
}

test('a plan gets its defaults, and its digest does not depend on how it was written', () => {
  const short = readPlan(JSON.stringify({ id: 'r', items: [item('a')] }), declarations);
  const long = readPlan(
    JSON.stringify(
      { items: [{ resourceLocks: [], depends_on: [], executor: 'dispatch', ...item('a') }], queue: 'default', id: 'r' },
      null,
      8,
    ),
    declarations,
  );

  assert.equal(short.kind, 'plan');
  assert.equal(long.kind, 'plan');
  assert.equal(short.planDigest, long.planDigest);
  assert.deepEqual(short.plan.items[0]?.depends_on, []);
});

test('a plan without an id gets one, and an id given beside it wins', () => {
  const generated = readPlan(JSON.stringify({ items: [item('a')] }), declarations);
  const given = readPlan(JSON.stringify({ id: 'r', items: [item('a')] }), declarations, { id: 'other' });

  assert.match(generated.kind === 'plan' ? generated.plan.id : '', /^run-[0-9a-f]{12}$/);
  assert.equal(given.kind === 'plan' ? given.plan.id : '', 'other');
});

test('text that is no plan is refused with its place', () => {
  assert.match(problemsOf('')[0]?.message ?? '', /line 1, column 1/);
  assert.match(problemsOf('{ "id": ')[0]?.message ?? '', /line 1/);
  assert.deepEqual(paths('[]'), ['']);
  assert.deepEqual(paths('{}'), ['items']);
  assert.deepEqual(paths({ id: 'r', items: [] }), ['items']);
});

test('a key written twice is refused, wherever it is', () => {
  const text = '{"id":"r","items":[{"id":"a","inputs":{"subagent":"edit","workerInput":{"file":"x","file":"y"}}}]}';

  assert.deepEqual(paths(text), ['items[0].inputs.workerInput.file']);
});

test('every problem is collected with its path', () => {
  const plan = {
    id: 'r',
    queue: 'defualt',
    items: [
      item('a', { depends_on: ['b', 'missing'], executor: 'dispatsch' }),
      item('a'),
      item('b', { inputs: { subagent: 'edti' }, target: 'remote' }),
    ],
  };

  assert.deepEqual(paths(plan), [
    'items[1].id',
    'queue',
    'items[0].depends_on[1]',
    'items[0].executor',
    'items[2].target',
    'items[2].inputs.subagent',
  ]);
});

test('whatever stands in a field, the problem is told in words for a person', () => {
  const fields = Object.keys(itemSchema.shape).map((key) => (value: unknown) => ({
    items: [item('a', { [key]: value })],
  }));
  const inputs = Object.keys(dispatchInputsSchema.shape).map((key) => (value: unknown) => {
    const inputs = { subagent: 'edit', workerInput: { file: 'a.ts' }, [key]: value };
    return { items: [{ id: 'a', inputs }] };
  });
  const whole = Object.keys(planSchema.shape).map((key) => (value: unknown) => ({ items: [item('a')], [key]: value }));
  const values = [
    null,
    true,
    -1,
    1e300,
    '',
    '\u0000',
    '../x',
    [],
    [null],
    [[]],
    {},
    { '': null },
    { 'a b': {} },
    { a: { b: 1 } },
  ];
  const parsersWords = /invalid input|invalid (string|key|option)|expected|received|too (small|big)|pattern/i;

  const messages = [...fields, ...inputs, ...whole].flatMap((planWith) =>
    values.flatMap((value) => {
      const reading = checkValue(planWith(value), declarations);
      return reading.kind === 'invalid' ? reading.problems.map(({ path, message }) => `${path}: ${message}`) : [];
    }),
  );

  assert.ok(messages.length > 300);
  assert.deepEqual(
    [...new Set(messages)].filter((message) => parsersWords.test(message)),
    [],
  );
});

test('a problem of form hides no other problem', () => {
  const plan = { id: 'r', items: [item('a', { colour: 'red' }), item('a', { depends_on: ['gone'] }), { id: 5 }] };

  assert.deepEqual(paths(plan), ['items[0].colour', 'items[2].id', 'items[1].id', 'items[1].depends_on[0]']);
});

test('secrets of an item are refused with where they belong', () => {
  const inputs = { subagent: 'edit', workerInput: { file: 'a.ts' }, secrets: { KEY: 'env:KEY' } };

  assert.deepEqual(problemsOf({ id: 'r', items: [item('a', { inputs })] }), [
    {
      path: 'items[0].inputs.secrets',
      message: 'unknown key: a plan is recorded in clear; give them as secrets of an env or of the executor',
    },
  ]);
});

test('an unknown key names the one that was meant', () => {
  const problems = problemsOf({ id: 'r', items: [item('a', { dependsOn: [] })] });

  assert.deepEqual(problems, [{ path: 'items[0].dependsOn', message: 'unknown key (did you mean "depends_on"?)' }]);
});

test('ids and lock keys that could leave their place are refused', () => {
  assert.deepEqual(paths({ id: '../up', items: [item('a')] }), ['id']);
  assert.deepEqual(paths({ id: 'r', items: [item('a/b')] }), ['items[0].id']);
  assert.deepEqual(paths({ id: 'r', items: [item('a', { resourceLocks: ['/etc/passwd', 'a/../../b'] })] }), [
    'items[0].resourceLocks[0]',
    'items[0].resourceLocks[1]',
  ]);
});

test('a cycle is named, also among 100,000 items', { skip: leftToNpmTest }, () => {
  const small = problemsOf({ id: 'r', items: [item('a', { depends_on: ['b'] }), item('b', { depends_on: ['a'] })] });
  const count = 100_000;
  const items = Array.from({ length: count }, (_, index) =>
    item(`i${index}`, { depends_on: [`i${(index + 1) % count}`] }),
  );
  const large = problemsOf({ id: 'r', items });

  assert.deepEqual(small, [{ path: 'items[0].depends_on', message: 'a cycle: a -> b -> a' }]);
  assert.equal(large.length, 1);
  assert.match(large[0]?.message ?? '', /^a cycle: i0 -> i1 .* more .* -> i0$/);
});

test('a need is a dependency: it may not close a cycle nor name an unknown item', () => {
  const need = (from: string) => ({ needs: { input: { from, select: { kind: 'patch' } } } });

  assert.deepEqual(paths({ id: 'r', items: [item('a', need('b')), item('b', need('a'))] }), ['items[0].depends_on']);
  assert.deepEqual(paths({ id: 'r', items: [item('a', need('c'))] }), ['items[0].needs.input.from']);
});

test('huge, deep and long content is refused without reading it all', () => {
  assert.match(problemsOf(new Uint8Array(65 * 1024 * 1024).fill(0x20))[0]?.message ?? '', /bytes/);
  assert.equal(problemsOf(`${'['.repeat(200_000)}${']'.repeat(200_000)}`).length, 1);
  assert.deepEqual(paths({ id: 'r', items: [item('a', { inputs: { subagent: 'x'.repeat(10 * 1024 * 1024) } })] }), [
    'items[0].inputs.subagent',
  ]);
  assert.deepEqual(paths({ id: 'r', items: Array.from({ length: 100_001 }, () => 0) }), ['items']);
});

test('a plan with more problems than anyone reads reports the first hundred', () => {
  const items = Array.from({ length: 5_000 }, (_, index) => item(`i${index}`, { executor: 'nope' }));

  assert.equal(problemsOf({ id: 'r', items }).length, 100);
});

test('a worker input that does not fill the command is found before anything runs', () => {
  const problems = problemsOf({ id: 'r', items: [{ id: 'a', inputs: { subagent: 'edit', workerInput: {} } }] });

  assert.deepEqual(
    problems.map(({ path }) => path),
    ['items[0].inputs.workerInput'],
  );
});

test('an input that makes a longer argument than the system takes is found before anything runs', () => {
  const plan = {
    id: 'r',
    items: [item('a', { inputs: { subagent: 'edit', workerInput: { file: 'x'.repeat(140_000) } } })],
  };

  assert.match(problemsOf(plan)[0]?.message ?? '', /140000 bytes .* AGORA_INPUT/);
});

test('no network for a subagent that declares it needs one is a contradiction', () => {
  const plan = { id: 'r', items: [{ id: 'a', inputs: { subagent: 'online' }, network: 'none' }] };

  assert.deepEqual(paths(plan), ['items[0].network']);
});
