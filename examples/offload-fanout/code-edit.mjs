// The work of one `edit-*` item: renames OLD_NAME to NEW_NAME in one file of the fixture.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [name] = process.argv.slice(2);
if (name === undefined || name === '') fail('Cannot edit: no file was named; usage: node code-edit.mjs <file>');
if (basename(name) !== name) fail(`Cannot edit "${name}": it is not the name of a file in fixture/`);

const path = join('fixture', name);
if (!existsSync(path)) fail(`Cannot edit "${path}": there is no such file`);

const before = readFileSync(path, 'utf8');
const after = before.replaceAll('OLD_NAME', 'NEW_NAME');
if (after === before) fail(`Cannot edit "${path}": it does not contain OLD_NAME`);

writeFileSync(path, after);
console.log(`renamed OLD_NAME to NEW_NAME in ${path}`);

function fail(message) {
  console.error(message);
  process.exit(1);
}
