import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandSpec } from './command.ts';
import { parseWords } from './parse-words.ts';

const spec: CommandSpec = {
  operands: ['<run>', '[item...]'],
  options: {
    out: { type: 'string', value: '<file>', summary: 'Where' },
    tree: { type: 'boolean', summary: 'How' },
    env: { type: 'string', value: '<name>', summary: 'With', multiple: true, short: 'e' },
  },
  examples: ['agora orch apply run-1'],
};

function parse(...typed: string[]) {
  return parseWords('orch apply', spec, typed);
}

test('operands and options may come in any order', () => {
  const words = parse('--out', 'file', 'run-1', '--tree', 'alpha', 'beta');

  assert.deepEqual(words?.operands, ['run-1', 'alpha', 'beta']);
  assert.deepEqual({ ...words?.options }, { out: 'file', tree: true });
});

test('an option takes its value after an equals sign too', () => {
  assert.equal(parse('run-1', '--out=a b')?.options['out'], 'a b');
});

test('what follows -- is an operand, even with dashes', () => {
  assert.deepEqual(parse('run-1', '--', '--help')?.operands, ['run-1', '--help']);
});

test('--help and -h ask for the help, whatever else is wrong', () => {
  assert.equal(parse('--help'), undefined);
  assert.equal(parse('-h', '--bogus'), undefined);
});

test('a misspelled option is refused with the one that was meant', () => {
  assert.throws(() => parse('run-1', '--tre'), {
    code: 'usage',
    message: 'Cannot run "agora orch apply": unknown option "--tre" (did you mean "--tree"?)',
    next: 'agora orch apply --help',
  });
});

test('a value that is missing, or too much, is refused', () => {
  assert.throws(() => parse('run-1', '--out'), { message: /option "--out" needs a value, as in --out <file>$/ });
  assert.throws(() => parse('run-1', '--tree=yes'), { message: /option "--tree" takes no value/ });
});

test('a missing operand is named', () => {
  assert.throws(() => parse('--tree'), { code: 'usage', message: /<run> is missing/ });
});

test('one word too many is refused', () => {
  const narrow = { ...spec, operands: ['<run>', '[item]'] };

  assert.throws(() => parseWords('orch patch', narrow, ['a', 'b', 'c']), { message: /"c" is one word too many/ });
});

test('an option that may be given several times yields the list, by its letter too', () => {
  assert.deepEqual(parse('run-1', '--env', 'one', '-e', 'two', '--env=three')?.options['env'], ['one', 'two', 'three']);
  assert.deepEqual(parse('run-1', '-e', 'one')?.options['env'], ['one']);
});

test('an option given twice is refused, as only one of its values could count', () => {
  assert.throws(() => parse('run-1', '--out', 'a', '--out', 'b'), /option "--out" is given twice/);
});

test('an option whose value was forgotten does not swallow the next option', () => {
  assert.throws(() => parse('run-1', '--out', '--tree'), /option "--out" needs a value/);
  assert.throws(() => parse('run-1', '--out', '-e', 'x'), /option "--out" needs a value/);
  assert.equal(parse('run-1', '--out=--tree')?.options['out'], '--tree');
});

test('an unknown letter is refused', () => {
  assert.throws(() => parse('run-1', '-x'), /unknown option "-x"/);
});

test('where a command of its own follows, its words are not looked at', () => {
  const exec: CommandSpec = { ...spec, operands: ['<place>', '<command...>'], restBegins: 1 };
  const parsed = (...typed: string[]) => parseWords('host exec', exec, typed);

  for (const between of [[], ['--']]) {
    const words = parsed('--tree', '-e', 'A=1', 'box/web', ...between, 'ls', '--help', '-e', '--', '--bogus');
    assert.deepEqual(words?.operands, ['box/web', 'ls', '--help', '-e', '--', '--bogus']);
    assert.deepEqual({ ...words?.options }, { tree: true, env: ['A=1'] });
  }
  assert.equal(parsed('--help', 'box/web', 'ls'), undefined);
  assert.throws(() => parsed('box/web'), /<command...> is missing/);
  assert.throws(() => parsed('box/web', '--'), /<command...> is missing/);
});

test('short options without a value may be joined', () => {
  const exec: CommandSpec = {
    ...spec,
    options: {
      interactive: { type: 'boolean', short: 'i', summary: 'I' },
      tty: { type: 'boolean', short: 't', summary: 'T' },
    },
  };

  assert.deepEqual({ ...parseWords('host exec', exec, ['-it', 'box/web'])?.options }, { interactive: true, tty: true });
  assert.throws(() => parseWords('host exec', exec, ['-ix', 'box/web']), { code: 'usage' });
});
