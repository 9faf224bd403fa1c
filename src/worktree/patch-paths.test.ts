import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { parsePatch, patchPaths } from './patch-paths.ts';

const hash = (digit: string) => digit.repeat(40);
const edit = (path: string) =>
  `diff --git a/${path} b/${path}\nindex ${hash('1')}..${hash('2')} 100644\n--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-1\n+2\n`;

test('both sides of renames and copies are paths of a patch', () => {
  const patch =
    'diff --git a/old name b/new name\nsimilarity index 100%\nrename from old name\nrename to new name\n' +
    'diff --git a/x b/y\nsimilarity index 90%\ncopy from x\ncopy to y\n';

  assert.deepEqual(patchPaths(Buffer.from(patch)), ['new name', 'old name', 'x', 'y']);
});

test('quoted names are decoded', () => {
  const patch =
    'diff --git "a/tab\\t \\303\\274\\"\\\\" "b/tab\\t \\303\\274\\"\\\\"\nold mode 100644\nnew mode 100755\n';

  assert.deepEqual(patchPaths(Buffer.from(patch)), ['tab\t ü"\\']);
});

test('content that looks like a header is content', () => {
  const patch =
    `diff --git a/a b/a\nindex ${hash('1')}..${hash('2')} 100644\n--- a/a\n+++ b/a\n` +
    '@@ -1,3 +1,2 @@\n--- a/not\n-diff --git a/not b/not\n \n+++ b/not\n\\ No newline at end of file\n';

  assert.deepEqual(patchPaths(Buffer.from(patch)), ['a']);
});

test('empty files, modes and binary content have paths too', () => {
  const patch =
    `diff --git a/sp ace b/sp ace\nnew file mode 100755\nindex ${hash('0')}..${hash('e')}\n` +
    `diff --git a/b.bin b/b.bin\nindex ${hash('1')}..${hash('2')} 100644\nGIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\nliteral 0\nHcmV?d00001\n\n`;

  assert.deepEqual(patchPaths(Buffer.from(patch)), ['b.bin', 'sp ace']);
  assert.deepEqual(parsePatch(Buffer.from(patch))[0]?.modes, ['100755']);
});

test('an empty patch touches nothing', () => {
  assert.deepEqual(patchPaths(new Uint8Array()), []);
});

test('a second patch hidden where git would find it is refused', () => {
  const hidden = '--- a/hidden\n+++ b/hidden\n@@ -1 +1 @@\n-1\n+2\n';
  const binary = `diff --git a/b b/b\nindex ${hash('1')}..${hash('2')} 100644\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n`;

  for (const patch of [`${edit('a')}${hidden}`, `${binary}${hidden}`, `${hidden}`, `text\n${edit('a')}`]) {
    assert.throws(
      () => patchPaths(Buffer.from(patch)),
      (error) => isAppError(error, 'invalid-input'),
    );
  }
});

test('cut-off patches are refused or name no other path', () => {
  const whole = edit('a') + edit('dir/b');
  for (let length = 0; length < whole.length; length += 1) {
    try {
      const paths = patchPaths(Buffer.from(whole.slice(0, length)));
      assert.equal(
        paths.every((path) => 'a'.startsWith(path) || 'dir/b'.startsWith(path)),
        true,
      );
    } catch (error) {
      assert.equal(isAppError(error, 'invalid-input'), true);
    }
  }
});

test('names that are not UTF-8 are refused: written as text they would be other names', () => {
  const latin1 = (patch: string) => Buffer.from(patch, 'latin1');
  for (const patch of [
    latin1(edit('na\xefve')),
    latin1('diff --git "a/na\\357ve" "b/na\\357ve"\nold mode 100644\nnew mode 100755\n'),
    latin1('diff --git a/x b/\xff\nsimilarity index 100%\nrename from x\nrename to \xff\n'),
  ]) {
    assert.throws(
      () => patchPaths(patch),
      (error) => isAppError(error, 'invalid-input') && /UTF-8/.test(error.message),
    );
  }
});

test('content that is not UTF-8 is no concern of the names', () => {
  const patch = edit('a').replace('-1\n+2\n', '-\xff\n+\xfe\n').replace('@@ -1 +1 @@', '@@ -1 +1 @@ \xff');

  assert.deepEqual(patchPaths(Buffer.from(patch, 'latin1')), ['a']);
});

test('a patch to the state folder, in any spelling and at any depth, or to the inputs is refused', () => {
  const places = [
    '.agora/trust.json',
    '.AGORA/trust.json',
    'packages/a/.agora/keys/seal.pem',
    '.agora. /x',
    'inputs/x',
    'inputs',
  ];
  for (const place of places) {
    const patches = [
      edit(place),
      `diff --git a/x b/${place}\nsimilarity index 100%\nrename from x\nrename to ${place}\n`,
      `diff --git a/${place} b/${place}\ndeleted file mode 100644\nindex ${hash('e')}..${hash('0')}\n`,
    ];
    for (const patch of patches) {
      assert.throws(
        () => patchPaths(Buffer.from(patch)),
        (error) => isAppError(error, 'invalid-input'),
        patch,
      );
    }
  }

  const allowed = ['.agora.md', 'src/inputs/x', 'agora/x', 'inputs.txt'];
  assert.deepEqual(patchPaths(Buffer.from(allowed.map(edit).join(''))), allowed.toSorted());
});
