// The work of one `edit-*` item: renames in one file of the fixture, and signs the outcome. What is renamed is plain
// configuration and the key is a secret; both come with the env `fanout`.
import { readFileSync, writeFileSync } from 'node:fs';
import { signatureOf } from './sign.mjs';

const { RENAME_FROM, RENAME_TO } = process.env;
const path = `fixture/${process.argv[2]}`;

const before = readFileSync(path, 'utf8');
const after = before.replaceAll(RENAME_FROM, RENAME_TO);
if (after === before) throw new Error(`Cannot edit "${path}": it does not contain ${RENAME_FROM}`);

writeFileSync(path, `${after}// signed ${signatureOf(after)}\n`);
console.log(`renamed ${RENAME_FROM} to ${RENAME_TO} in ${path}`);
