import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineForTests, packageRoot } from '../../test/support/engine.ts';
import { workerImage } from '../contracts/names.ts';
import { buildWorkerBundle } from './worker-bundle.ts';
import { prepareWorkerImage } from './worker-image.ts';

const { engine, skip } = await engineForTests();

test('the worker bundle is the same wherever the checkout lies, and names no folder', async (t) => {
  const copy = await mkdtemp(join(tmpdir(), 'agora-checkout-'));
  t.after(() => rm(copy, { recursive: true, force: true }));
  for (const path of ['src', 'docker', 'package.json']) {
    await cp(join(packageRoot, path), join(copy, path), { recursive: true });
  }
  await symlink(join(packageRoot, 'node_modules'), join(copy, 'node_modules'));

  const [here, there] = await Promise.all([buildWorkerBundle(packageRoot), buildWorkerBundle(copy)]);

  assert.equal(there.digest, here.digest);
  assert.equal(Buffer.from(here.bytes).includes(packageRoot), false);
});

test('the worker image is labelled with its digest, small, and present the second time', { skip }, async () => {
  assert.ok(engine);
  const { digest } = await buildWorkerBundle(packageRoot);

  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  const again = await prepareWorkerImage(engine, { packageRoot });

  assert.deepEqual(again, { imageId, how: 'present' });
  const image = await engine.inspectImage(`${workerImage.repository}:${digest}`);
  assert.equal(image?.id, imageId);
  assert.equal(image?.labels[workerImage.digestLabel], digest);
  assert.ok((image?.sizeBytes ?? Number.POSITIVE_INFINITY) <= 350_000_000);
});
