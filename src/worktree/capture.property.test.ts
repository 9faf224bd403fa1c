import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { casesOf } from '../../test/support/quick-tests.ts';
import { createBaseline } from './baseline.ts';
import { capturePatch } from './capture.ts';

const root = mkdtempSync(join(tmpdir(), 'agora-capture-property-'));
after(() => rmSync(root, { recursive: true, force: true }));

type Entry = { readonly content: string; readonly mode: 'file' | 'executable' | 'link' };
/** By path; paths and contents are byte strings (latin1). */
type Tree = ReadonlyMap<string, Entry>;

// Not one that ends in a space: git cannot read its own header of an empty file in such a folder.
const names = ['a', 'b c', ' d', '-n', '"q"', 'tab\t', 'line\n', 'back\\', '..x', 'é\xff', '.gitattributes', 'a/b'];
const texts = [
  '',
  'one\ntwo\n',
  'no end of line',
  'crlf\r\nmore\r\n',
  'mixed\r\nmore\rand\n\n',
  '* text=auto eol=crlf filter=x\n',
  '-- a/b\n+++ b/a\n@@ -1 +1 @@\ndiff --git a/a b/a\n',
  `\0${'same'.repeat(200)}`,
];

const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const content = fc.oneof(
  fc.constantFrom(...texts),
  fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const plain = { noNullPrototype: true };
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ mode: fc.constantFrom('file' as const, 'executable' as const), content }, plain),
  fc.record(
    { mode: fc.constant('link' as const), content: fc.constantFrom('%', '../..', '/etc/passwd', 'gone\xff') },
    plain,
  ),
);
// No name is a link's target: where the patch makes a folder of a link to itself, git goes round in a circle.
const edits = fc.array(fc.tuple(path, fc.option(entry, { nil: undefined, freq: 4 })), { maxLength: 10 });

/** Nothing lies below what is no folder. */
function edited(start: Tree, changes: readonly (readonly [path: string, entry: Entry | undefined])[]): Tree {
  const tree = new Map(start);
  for (const [place, entry] of changes) {
    const isInTheWay = (other: string) => `${place}/`.startsWith(`${other}/`) || other.startsWith(`${place}/`);
    for (const other of [...tree.keys()].filter(isInTheWay)) tree.delete(other);
    if (entry !== undefined) tree.set(place, entry);
  }
  return tree;
}

const bytesAt = (folder: string, path: string) =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, 'latin1')]);

function writeTree(folder: string, tree: Tree): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' }))
    rmSync(bytesAt(folder, name.toString('latin1')), { recursive: true });
  for (const [path, { content, mode }] of tree) {
    if (path.includes('/')) mkdirSync(bytesAt(folder, dirname(path)), { recursive: true });
    const file = bytesAt(folder, path);
    if (mode === 'link') symlinkSync(Buffer.from(content, 'latin1'), file);
    else writeFileSync(file, content, 'latin1');
    if (mode === 'executable') chmodSync(file, 0o755);
  }
}

function readTree(folder: string, below = ''): Map<string, Entry> {
  const tree = new Map<string, Entry>();
  for (const name of readdirSync(bytesAt(folder, below), { encoding: 'latin1' })) {
    const path = below === '' ? name : `${below}/${name}`;
    const file = bytesAt(folder, path);
    const stats = lstatSync(file);
    if (stats.isDirectory()) for (const [inner, entry] of readTree(folder, path)) tree.set(inner, entry);
    else if (stats.isSymbolicLink())
      tree.set(path, { mode: 'link', content: readlinkSync(file, { encoding: 'buffer' }).toString('latin1') });
    else
      tree.set(path, {
        mode: (stats.mode & 0o100) === 0 ? 'file' : 'executable',
        content: readFileSync(file, 'latin1'),
      });
  }
  return tree;
}

const sorted = (tree: Tree) => [...tree].sort(([one], [other]) => (one < other ? -1 : 1));

test('whatever was there and whatever became of it, git makes the one of the other with the patch', async () => {
  await fc.assert(
    fc.asyncProperty(edits, edits, async (first, second) => {
      const start = edited(new Map(), first);
      await capturesExactly(start, edited(start, second));
    }),
    { numRuns: casesOf(30) },
  );
});

async function capturesExactly(start: Tree, end: Tree): Promise<void> {
  const folder = mkdtempSync(join(root, 'round-'));
  const paths = { gitDir: join(folder, 'git'), workTree: join(folder, 'work') };
  const [copy, outFile] = [join(folder, 'copy'), join(folder, 'patch')];
  for (const made of [paths.workTree, copy]) {
    mkdirSync(made);
    writeTree(made, start);
  }
  await createBaseline(paths);
  writeTree(paths.workTree, end);

  const { sizeBytes } = await capturePatch(paths, outFile, { maxBytes: 1e8 });

  if (sizeBytes > 0) execFileSync('git', ['apply', '--whitespace=nowarn', outFile], { cwd: copy, stdio: 'pipe' });
  assert.deepEqual(sorted(readTree(copy)), sorted(end));
  assert.deepEqual(sorted(readTree(paths.workTree)), sorted(end), 'the worktree stays as it was');
}
