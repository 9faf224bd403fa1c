import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIgnored, parseIgnoreRules } from './docker-ignore.ts';

function ignored(text: string, paths: readonly string[]): string[] {
  const rules = parseIgnoreRules(text);
  return paths.filter((path) => isIgnored(rules, path));
}

test('a rule is for that path and all below it, from the root of the context', () => {
  assert.deepEqual(
    ignored('/node_modules/\n# note\n\n', ['node_modules', 'node_modules/a/b', 'src/node_modules', '# note']),
    ['node_modules', 'node_modules/a/b'],
  );
});

test('one star stays within a name, two go across folders', () => {
  const paths = ['a.log', 'x/a.log', 'x/y/a.log', 'x/y/z'];

  assert.deepEqual(ignored('*.log', paths), ['a.log']);
  assert.deepEqual(ignored('*/*.log', paths), ['x/a.log']);
  assert.deepEqual(ignored('**/*.log', paths), ['a.log', 'x/a.log', 'x/y/a.log']);
  assert.deepEqual(ignored('x/**', paths), ['x/a.log', 'x/y/a.log', 'x/y/z']);
});

test('the last rule that matches says, so an exception brings back what was ignored', () => {
  assert.deepEqual(ignored('docs\n!docs/README.md', ['docs/a.md', 'docs/README.md']), ['docs/a.md']);
  assert.deepEqual(ignored('!a.md\n*.md', ['a.md']), ['a.md']);
});

test('question marks, sets and escapes are as the format says; signs of regular expressions are none', () => {
  assert.deepEqual(ignored('fil?.[ch]', ['file.c', 'file.h', 'file.o', 'fil/.c']), ['file.c', 'file.h']);
  assert.deepEqual(ignored('\\!x', ['!x']), ['!x']);
  assert.deepEqual(ignored('a+(b).c', ['a+(b).c', 'aab.c', 'a+(b)xc']), ['a+(b).c']);
  assert.deepEqual(ignored('[z-a]', ['z', 'a', '[z-a]']), []);
});
