import assert from 'node:assert/strict';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { environmentReaders, freeFiles, importTable, lazyPackages } from './support/import-table.ts';
import {
  importedFile,
  isTestFile,
  readSourceFiles,
  repositoryRoot,
  type SourceFile,
  sourceRoot,
  withoutComments,
} from './support/source-files.ts';

const files = readSourceFiles(sourceRoot);
const productFiles = files.filter((file) => !isTestFile(file.path));

/** The row of the table a file is under: its longest folder that has one. */
function folderOf(path: string): string | undefined {
  const folders = Object.keys(importTable).filter((folder) => path.startsWith(`${folder}/`));
  return folders.sort((left, right) => right.length - left.length)[0];
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Why a file may not import something, or undefined when it may. */
function objection(file: SourceFile, specifier: string): string | undefined {
  if (freeFiles.includes(file.path)) return undefined;
  const folder = folderOf(file.path);
  const rule = folder === undefined ? undefined : importTable[folder];
  if (rule === undefined) return 'its folder is not in the table';
  const target = importedFile(file.path, specifier);
  if (target === undefined) {
    if (isBuiltin(specifier)) return rule.node === false ? 'it may use nothing of Node' : undefined;
    if (rule.packages === undefined || rule.packages.includes(packageOf(specifier))) return undefined;
    return `it may use no package but ${rule.packages.join(', ') || 'none'}`;
  }
  if (rule.imports === 'everything' || folderOf(target) === folder) return undefined;
  if (rule.imports.includes(target) || rule.imports.includes(folderOf(target) ?? '')) return undefined;
  return `"${folder}" may import ${rule.imports.join(', ') || 'nothing of ours'}`;
}

test('every file imports only what the table allows its folder', (t) => {
  for (const [folder, rule] of Object.entries(importTable)) {
    const allowed = rule.imports === 'everything' ? 'everything' : rule.imports.join(' ') || '-';
    t.diagnostic(
      `${folder.padEnd(14)} ${allowed}${rule.packages ? `  (packages: ${rule.packages.join(' ') || '-'})` : ''}`,
    );
  }

  const wrong = productFiles.flatMap((file) =>
    file.imports.flatMap(({ specifier }) => {
      const reason = objection(file, specifier);
      return reason === undefined ? [] : [`${file.path} imports ${specifier}: ${reason}`];
    }),
  );

  assert.deepEqual(wrong, []);
});

test('a file that steps outside its row is found', () => {
  const file = { path: 'storage/local.ts', text: '', imports: [] };

  assert.equal(objection(file, './storage.ts'), undefined);
  assert.equal(objection(file, '../base/hash.ts'), undefined);
  assert.match(objection(file, '../mailbox/mailbox.ts') ?? '', /"storage" may import contracts, base/);
  assert.match(objection({ ...file, path: 'contracts/plan.ts' }, 'node:fs') ?? '', /nothing of Node/);
  assert.match(objection({ ...file, path: 'audit/verify/seal.ts' }, 'zod') ?? '', /no package/);
  assert.match(
    objection({ ...file, path: 'audit/verify/seal.ts' }, '../anchor.ts') ?? '',
    /"audit\/verify" may import/,
  );
  assert.match(objection({ ...file, path: 'novel/thing.ts' }, 'zod') ?? '', /not in the table/);
});

test('no files import each other in a circle', () => {
  assert.deepEqual(findCircle(productFiles), undefined);
});

test('a circle of imports is found', () => {
  const imports = (specifier: string) => [{ specifier, kind: 'static' as const }];
  const circle = findCircle([
    { path: 'base/a.ts', text: '', imports: imports('./b.ts') },
    { path: 'base/b.ts', text: '', imports: imports('./a.ts') },
  ]);

  assert.deepEqual(circle, ['base/a.ts', 'base/b.ts', 'base/a.ts']);
});

function findCircle(among: readonly SourceFile[]): string[] | undefined {
  const byPath = new Map(among.map((file) => [file.path, file]));
  const settled = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (settled.has(path)) return undefined;
    for (const { specifier, kind } of byPath.get(path)?.imports ?? []) {
      const target = kind === 'static' ? importedFile(path, specifier) : undefined;
      const circle = target === undefined ? undefined : visit(target, [...trail, path]);
      if (circle !== undefined) return circle;
    }
    settled.add(path);
    return undefined;
  };
  for (const path of byPath.keys()) {
    const circle = visit(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test('vendor packages load at first use, not with the file that uses them', () => {
  const eager = productFiles.flatMap((file) =>
    file.imports
      .filter(
        ({ specifier, kind }) =>
          kind === 'static' && lazyPackages.some((name) => packageOf(specifier).startsWith(name)),
      )
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );

  assert.deepEqual(eager, []);
});

test('the environment is read only in config, cli and the mains', () => {
  const readers = productFiles
    .filter((file) => !/^(config|cli)\//.test(file.path) && !environmentReaders.includes(file.path))
    .filter((file) => /\bprocess\s*\.\s*env\b/.test(withoutComments(file.text)))
    .map((file) => file.path);

  assert.deepEqual(readers, []);
});

test('nothing is exported as default', () => {
  const defaults = files.filter((file) => /^export default\b/m.test(file.text)).map((file) => file.path);

  assert.deepEqual(defaults, []);
});

test('no file is longer than 400 lines', () => {
  const others = ['test', 'bench', 'scripts'].flatMap((folder) => readSourceFiles(join(repositoryRoot, folder)));
  const long = [...files, ...others]
    .map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > 400);

  assert.deepEqual(long, []);
});
