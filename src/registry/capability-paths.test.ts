import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findClash, pathProblem } from './capability-paths.ts';

const refused: Readonly<Record<string, RegExp>> = {
  '': /empty/,
  '/etc/passwd': /absolute/,
  '../x': /\.\./,
  'a/../../x': /\.\./,
  './a': /"\."/,
  'a//b': /empty part/,
  'a/': /empty part/,
  'a\\b': /backslash/,
  'a\0b': /control/,
  'a\nb': /control/,
  '\ud800': /UTF-8/,
  '.git/config': /reserved name "\.git"/,
  'a/.GIT/hooks/x': /reserved/,
  'a/git~1': /reserved/,
  '.git. /x': /reserved/,
  '.agora/answer.json': /reserved/,
  'a/.Agora/x': /reserved/,
  'inputs/key': /reserved name "inputs"/,
  [`${'a'.repeat(200)}/`.repeat(6).slice(0, -1)]: /longer than 1024/,
  [`${'a'.repeat(256)}`]: /more than 255/,
};

for (const [path, problem] of Object.entries(refused)) {
  test(`the path ${JSON.stringify(path).slice(0, 40)} is refused`, () => {
    assert.match(pathProblem(path) ?? '', problem);
  });
}

test('ordinary paths are taken', () => {
  for (const path of [
    'a',
    'agora-setup.sh',
    '.claude/skills/pdf/SKILL.md',
    'src/inputs/x',
    '.gitignore',
    'ünï/日本',
    'a b',
    '__proto__',
    'a..b',
    '...',
  ]) {
    assert.equal(pathProblem(path), undefined);
  }
});

test('a path that is taken stays below its folder', () => {
  const part = fc.oneof(fc.constantFrom('.', '..', '', '.git', 'a'), fc.string({ maxLength: 4, unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const path = parts.join('/');
      if (pathProblem(path) !== undefined) return;
      const { pathname } = new URL(path.split('/').map(encodeURIComponent).join('/'), 'file:///folder/');
      assert.ok(pathname.startsWith('/folder/') && pathname.length > '/folder/'.length);
    }),
  );
});

test('a name cannot be a file and a folder', () => {
  assert.equal(findClash(['a', 'b/c', 'b/d']), undefined);
  assert.equal(findClash(['a/b/c', 'a/b']), 'a/b');
  assert.equal(findClash(['a', 'a/b/c/d']), 'a');
});
