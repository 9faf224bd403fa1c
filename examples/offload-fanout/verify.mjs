// The work of the `verify` item: fails unless all three edits are there, and the edited program works.
import { readFileSync } from 'node:fs';

const expected = { alpha: 'alpha on shared', beta: 'beta on shared', shared: 'shared' };

let failures = 0;
for (const name of Object.keys(expected)) {
  const text = readFileSync(`fixture/${name}.ts`, 'utf8');
  if (text.includes('OLD_NAME') || !text.includes('NEW_NAME')) report(`fixture/${name}.ts: the edit is missing`);
}
if (failures > 0) process.exit(1);

for (const [name, value] of Object.entries(expected)) {
  const exported = await import(`./fixture/${name}.ts`);
  if (exported.NEW_NAME !== value) report(`fixture/${name}.ts: NEW_NAME is "${exported.NEW_NAME}", not "${value}"`);
}
if (failures > 0) process.exit(1);
console.log('all three edits are there, and the program that uses them works');

function report(message) {
  failures += 1;
  console.error(message);
}
