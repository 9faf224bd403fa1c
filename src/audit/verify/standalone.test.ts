import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formats } from '../../contracts/names.ts';
import { bundleFormat } from './bundle.ts';
import { sealPredicateType } from './statement.ts';

const source = fileURLToPath(new URL('../../', import.meta.url));

/** Every module a file loads, by its own imports and by those of what it imports. */
async function modulesOf(entry: URL, seen = new Set<string>()): Promise<Set<string>> {
  const name = relative(source, fileURLToPath(entry));
  if (seen.has(name)) return seen;
  seen.add(name);
  const text = await readFile(entry, 'utf8');
  for (const [, specifier = ''] of text.matchAll(/\b(?:from|import)[ (]+'([^'\n]+)'/g)) {
    if (specifier.startsWith('.')) await modulesOf(new URL(specifier, entry), seen);
    else seen.add(specifier);
  }
  return seen;
}

test('the verifier stands alone: its own folder, three base files and node:crypto', async () => {
  const modules = await modulesOf(new URL('verify.ts', import.meta.url));
  const outside = [...modules].filter((name) => !name.startsWith('audit/verify/')).sort();

  assert.ok(modules.has('audit/verify/replay.ts'));
  assert.deepEqual(outside, ['base/canonical-json.ts', 'base/hash.ts', 'base/strict-json.ts', 'node:crypto']);
});

test('its program adds only reading files and arguments', async () => {
  const modules = await modulesOf(new URL('main.ts', import.meta.url));

  const builtIn = [...modules].filter((name) => name.startsWith('node:')).sort();
  assert.deepEqual(builtIn, ['node:crypto', 'node:fs/promises', 'node:util']);
});

test('the names the verifier knows are those the product writes', () => {
  assert.equal(bundleFormat, formats.bundle);
  assert.equal(sealPredicateType, formats.seal);
});
