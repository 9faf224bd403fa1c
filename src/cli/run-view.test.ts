import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusRecordSchema } from '../contracts/status.ts';
import type { Output } from './output.ts';
import { mergeStatus } from './run-state.ts';
import { openRunView } from './run-view.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');

function aState(atMs: number, status: string) {
  const items = [{ id: 'edit', status, attempt: 1, blockedBy: [] }];
  const at = new Date(start + atMs).toISOString();
  return mergeStatus(undefined, statusRecordSchema.parse({ runId: 'run-1', status: 'running', at, items }));
}

test('lines of a run that is long over have the times it took then', async () => {
  const lines: string[] = [];
  const write = async (content: string | Uint8Array) => void lines.push(String(content));
  const output: Output = { write, isTerminal: false, columns: 80, rows: 24 };
  const view = openRunView('tree', output);

  await view.show(aState(0, 'running'));
  await view.show(aState(1_500, 'done'));
  await view.close();

  assert.deepEqual(lines, ['  ● edit  running\n', '  ✓ edit  done  1.5 s\n']);
});

test('a line of JSON holds nothing a terminal acts on', async () => {
  const lines: string[] = [];
  const write = async (content: string | Uint8Array) => void lines.push(String(content));
  const state = aState(0, 'running');
  const record = { ...state.record, reason: 'a\u009b31m\u202eb' };

  await openRunView('json', { write, isTerminal: true, columns: 80, rows: 24 }).show({ ...state, record });

  assert.match(lines[0] ?? '', /"reason":"a\\u009b31m\\u202eb"/);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), record);
});
