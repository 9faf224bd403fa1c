import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printTable } from './print-table.ts';

const head = ['host', 'link', 'message'];
const rows = [
  ['box-1', 'online', 'all is well here and everywhere'],
  ['漢字', '', 'no'],
];

async function shown(columns: number, isTerminal = true, given = rows): Promise<string> {
  let text = '';
  const write = async (content: string | Uint8Array) => {
    text += content;
  };
  await printTable({ write, isTerminal, columns, rows: 24 }, head, given);
  return text;
}

test('elsewhere than on a terminal a row is one line with tabs, however long', async () => {
  assert.equal(await shown(10, false), 'box-1\tonline\tall is well here and everywhere\n漢字\t\tno\n');
});

test('columns are as wide as what is in them looks', async () => {
  assert.equal(
    await shown(80),
    `HOST   LINK    MESSAGE
box-1  online  all is well here and everywhere
漢字           no
`,
  );
});

test('on a narrow terminal the last column is wrapped, on a narrower one cells are below each other', async () => {
  assert.equal(
    await shown(40),
    `HOST   LINK    MESSAGE
box-1  online  all is well here and
               everywhere
漢字           no
`,
  );
  assert.equal(
    await shown(30),
    `box-1
  link     online
  message  all is well here
           and everywhere
漢字
  message  no
`,
  );
});
