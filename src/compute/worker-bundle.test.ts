import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { packageRoot } from '../../test/support/engine.ts';
import { buildWorkerBundle } from './worker-bundle.ts';

const runFile = promisify(execFile);

test('a worker starts without cryptography, which takes longer to load than a small task to do', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-bundle-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'worker.cjs');
  await writeFile(file, (await buildWorkerBundle(packageRoot)).bytes);
  const report = 'process.on("exit", () => console.log(JSON.stringify(process.moduleLoadList)))';

  const child = runFile(process.execPath, ['-e', `${report}; require(${JSON.stringify(file)})`]);
  child.child.stdin?.end();
  const failure = await child.then(
    () => assert.fail('it took an empty hand-over'),
    (error: { stdout: string; stderr: string }) => error,
  );

  assert.match(failure.stderr, /handed over on stdin: it ended early/);
  const loaded: string[] = JSON.parse(failure.stdout);
  assert.ok(loaded.includes('NativeModule child_process'));
  assert.ok(!loaded.includes('NativeModule crypto'), 'cryptography was loaded');
});
