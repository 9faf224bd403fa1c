import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { hostSpecSchema, specLimits } from '../contracts/host-spec.ts';
import { startServer } from '../server/suite-server.ts';
import type { GivenSpec } from './given-spec.ts';
import { handInContexts, packContexts } from './host-spec-contexts.ts';

async function aSpec(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-spec-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\n');
  const spec = hostSpecSchema.parse({ schemaVersion: 1, images: { web: { build: { context: '.' } } } });
  const given: GivenSpec = { spec, folder, placeOf: () => 'spec.yaml:3:5' };
  return { folder, given };
}

test('a folder is handed in once, and named by the digest of its tar', async (t) => {
  const { given } = await aSpec(t);
  const { admin } = await startServer(t);
  const packed = await packContexts(given);
  const uploads: number[] = [];
  const handIn = () => handInContexts(admin, packed, async ({ sizeBytes }) => void uploads.push(sizeBytes));

  await handIn();
  await handIn();

  assert.deepEqual(uploads, [2_048]);
  assert.deepEqual([packed.spec.images['web']?.build?.context], [...packed.contexts.keys()]);
});

test('a file that is changed before it is handed in is told as that, whether it is as long as before or shorter', async (t) => {
  const { folder, given } = await aSpec(t);
  const { admin } = await startServer(t);
  const changed = (text: string) => async () => writeFile(join(folder, 'Dockerfile'), text);
  const packed = await packContexts(given);

  await assert.rejects(
    handInContexts(admin, packed, changed('FROM another')),
    (error) => isAppError(error, 'not-ready') && /: it became shorter meanwhile$/.test(error.message),
  );
  await assert.rejects(
    handInContexts(admin, packed, changed('FROM another\n')),
    (error) => isAppError(error, 'not-ready') && /: it changed meanwhile$/.test(error.message),
  );
});

test('a context that is too large is refused by its largest file before any of it is read', async (t) => {
  const { folder, given } = await aSpec(t);
  await writeFile(join(folder, 'model'), '');
  await truncate(join(folder, 'model'), specLimits.contextBytes + 1);

  await assert.rejects(
    packContexts(given),
    (error) =>
      isAppError(error, 'invalid-input') &&
      /^Cannot use build context ".": spec.yaml:3:5: it has 2\.0 GiB, 2\.0 GiB of it "model"; /.test(error.message),
  );
});
