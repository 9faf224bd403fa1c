import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { applyPatches } from './apply.ts';
import { snapshotDirectory } from './snapshot.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-hostile-'));
after(() => rm(root, { recursive: true, force: true }));

for (const [what, path] of [
  ['places a file in the state folder', '.agora/trust.json'],
  ['takes the place of an input', 'inputs/x'],
  ['names a file in bytes that are no text', 'na\xefve'],
] as const) {
  test(`a patch that ${what} is not applied to the source`, async () => {
    const directory = join(root, what.replaceAll(' ', '-'), 'source');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'a'), '1\n');
    const header = `diff --git a/${path} b/${path}\nnew file mode 100644\n--- /dev/null\n+++ b/${path}\n`;
    const bytes = Buffer.from(`${header}@@ -0,0 +1 @@\n+x\n`, 'latin1');
    const snapshot = (await snapshotDirectory(directory)).tar();

    const applied = applyPatches({
      directory,
      snapshot,
      patches: [{ itemId: 'hostile', bytes }],
      workFolder: join(directory, '../work'),
    });

    await assert.rejects(applied, (error) => isAppError(error, 'invalid-input'));
    assert.deepEqual(await readdir(directory), ['a']);
  });
}
