import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { launchSubagent } from './launch.ts';
import { launchSandboxed } from './launch-sandboxed.ts';
import { aFolder, aPlace } from './worker-under-test.ts';

const hostile = 'x\0--ro-bind\0/\0/dev';

test('a NUL in what a command is given stops its launch, sandboxed or not', async (t) => {
  const root = await aFolder(t);
  const program = { command: ['true'], env: {}, fileBytes: 1, processes: 8 };
  const isRefused = (error: unknown) => isAppError(error, 'invalid-input');

  for (const sandbox of [undefined, [join(root, 'not-there')]]) {
    const place = { ...aPlace(root), ...(sandbox && { sandbox }) };
    assert.throws(() => launchSubagent(place, { ...program, env: { A: hostile } }), isRefused);
    assert.throws(() => launchSubagent(place, { ...program, command: ['true', hostile] }), isRefused);
  }
  assert.throws(() => launchSandboxed(aPlace(root), ['true'], { ...program, env: { A: hostile } }), isRefused);
});
