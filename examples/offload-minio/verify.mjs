// The work of the `verify` item: fails unless all three edits are there, are signed, and the edited program works.
import { readFileSync } from 'node:fs';
import { signatureOf } from './sign.mjs';

const expected = { alpha: 'alpha on shared', beta: 'beta on shared', shared: 'shared' };
const { RENAME_FROM, RENAME_TO } = process.env;

for (const [name, value] of Object.entries(expected)) {
  const path = `fixture/${name}.ts`;
  const [, text, signature] = /^(.*)\/\/ signed ([0-9a-f]{64})\n$/s.exec(readFileSync(path, 'utf8')) ?? [];
  if (text === undefined || text.includes(RENAME_FROM)) throw new Error(`${path}: the edit is missing`);
  if (signature !== signatureOf(text)) throw new Error(`${path}: its signature is of another key`);
  const exported = await import(`./${path}`);
  if (exported[RENAME_TO] !== value) throw new Error(`${path}: ${RENAME_TO} is "${exported[RENAME_TO]}"`);
}
console.log('all three edits are there and signed, and the program that uses them works');
