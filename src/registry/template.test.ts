import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { renderCommand } from './template.ts';

test('each element is filled in on its own and nothing is escaped', () => {
  const command = [
    'sed',
    '-i',
    's/x/{{with}}/',
    'fixture/{{file}}',
    '{{{raw}}}',
    '{{count}}',
    '{{deep.name}}',
    '{{list}}',
  ];
  const input = { with: `<&"'`, file: 'a b.ts', raw: '<', count: 3, deep: { name: 'n' }, list: [1, { a: 2 }] };

  assert.deepEqual(renderCommand(command, input), [
    'sed',
    '-i',
    `s/x/<&"'/`,
    'fixture/a b.ts',
    '<',
    '3',
    'n',
    '[1,{"a":2}]',
  ]);
});

test('sections repeat and leave out', () => {
  assert.deepEqual(
    renderCommand(['{{#files}}{{name}},{{/files}}{{^none}}empty{{/none}}'], { files: [{ name: 'a' }, { name: 'b' }] }),
    ['a,b,empty'],
  );
});

test('a command without templates needs no input', () => {
  assert.deepEqual(renderCommand(['echo', 'a } b { c'], undefined), ['echo', 'a } b { c']);
});

test('a missing variable names the element and the variable', () => {
  assert.throws(
    () => renderCommand(['sh', '{{file}}'], { other: 1 }),
    (error) => isAppError(error, 'invalid-input') && /command\[1\].*"file"/.test(error.message),
  );
});

test('names every object has are not variables', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'a.constructor']) {
    assert.throws(
      () => renderCommand([`{{${name}}}`], { a: 'x' }),
      (error) => isAppError(error, 'invalid-input'),
    );
  }
});

test('a malformed template and a partial are refused', () => {
  for (const element of ['{{#open}}', '{{', '{{> partial}}']) {
    assert.throws(
      () => renderCommand([element], {}),
      (error) => isAppError(error, 'invalid-input'),
    );
  }
});
