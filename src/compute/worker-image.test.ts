import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineForTests, packageRoot, rawEngine } from '../../test/support/engine.ts';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import type { Engine } from '../engine/engine.ts';
import { claudeCodeVersion } from './claude-code-program.ts';
import { findBaseFiles } from './image-base.ts';
import { digestTag, serves } from './image-kind.ts';
import { buildWorkerBundle } from './worker-bundle.ts';
import { checkNamedImage, prepareWorkerImage } from './worker-image.ts';
import { buildFromThisMachine } from './worker-local-build.ts';

const { engine, skip } = await engineForTests();

test('the worker bundle is the same wherever the checkout lies, and names no folder', {
  skip: leftToNpmTest,
}, async (t) => {
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

test('an image with Claude Code holds a program that runs, and serves commands too', { skip }, async () => {
  assert.ok(engine);
  const { digest } = await buildWorkerBundle(packageRoot);
  const lines: string[] = [];

  const options = { packageRoot, runtime: 'claude-code', onProgress: (line: string) => lines.push(line) } as const;
  const { imageId, how } = await prepareWorkerImage(engine, options);
  await prepareWorkerImage(engine, { packageRoot });

  // The build itself runs the program and fails where a library is missing.
  if (how === 'built') assert.match(lines[0] ?? '', /^Downloading @anthropic-ai\/claude-code-linux-\S+ [\d.]+ from/);
  const image = await engine.inspectImage(digestTag(digest, 'claude-code'));
  assert.equal(image?.id, imageId);
  assert.equal(image?.labels[workerImage.withLabel], `claude-code@${claudeCodeVersion}`);
  assert.ok(serves(image?.labels ?? {}, digest, 'command'));
  const latest = await engine.inspectImage(workerImage.latest);
  // A test beside this one may have built another worker.
  if (latest?.labels[workerImage.digestLabel] === digest)
    assert.equal(latest.id, imageId, 'plain takes it from no other');
});

test('a build whose image is in use already is a build', { skip }, async (t) => {
  assert.ok(engine);
  const bundle = await buildWorkerBundle(packageRoot);
  const docker = await rawEngine(engine.address);

  const use = async (reference: string) => {
    const container = await docker.createContainer({ Image: reference });
    t.after(async () => {
      await container.remove();
      await engine.removeImage(reference);
    });
    return reference;
  };
  const built = await buildFromThisMachine(engine, bundle, { packageRoot, runtime: 'command', use });

  assert.notEqual(await engine.inspectImage(built), undefined);
});

test('a base of this machine has what a shell in a worker is used with', { skip: leftToNpmTest }, async () => {
  const { files, missing } = await findBaseFiles(process.execPath);

  const places = files.map(({ to }) => to);
  assert.deepEqual(missing, []);
  for (const place of ['/usr/bin/stty', '/usr/bin/bash']) assert.ok(places.includes(place), place);
  assert.ok(places.some((place) => /^\/(usr|etc)\/.*terminfo\/x\/xterm-256color$/.test(place)));
});

/** The same engine, as one of another architecture whose only image is what a pull brings: this one. */
function elsewhere(engine: Engine, imageId: string, pull: Engine['pullImage']): Engine {
  let hasPulled = false;
  return {
    ...engine,
    information: async () => ({ ...(await engine.information()), architecture: 'another' }),
    tagImage: async () => undefined,
    inspectImage: async () => (hasPulled ? engine.inspectImage(imageId) : undefined),
    pullImage: async (reference, options) => {
      await pull(reference, options);
      hasPulled = true;
    },
  };
}

test('where no image can be built the published one is taken, if it is of this worker', { skip }, async () => {
  assert.ok(engine);
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  const lines: string[] = [];

  const published = elsewhere(engine, imageId, async () => undefined);
  const pulled = await prepareWorkerImage(published, { packageRoot, onProgress: (line) => lines.push(line) });

  assert.deepEqual(pulled, { imageId, how: 'pulled' });
  assert.match(lines[0] ?? '', /^Cannot build .* own files: this is .*, the engine another$/);
  const offline = elsewhere(engine, imageId, async () => {
    throw new AppError('internal', 'Cannot pull: no such host');
  });
  await assert.rejects(prepareWorkerImage(offline, { packageRoot, runtime: 'claude-code' }), (error) => {
    assert.ok(isAppError(error, 'image-missing'));
    assert.match(error.next ?? '', /^Run `docker build .* --build-arg WITH=claude-code@\S+ -t ghcr\.io\S+:latest /);
    return true;
  });
});

test('an image that a caller names is used when its worker is this one', { skip }, async (t) => {
  assert.ok(engine);
  const { digest } = await buildWorkerBundle(packageRoot);
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  const own = `agora-test-named:${randomUUID()}`;
  t.after(() => engine.removeImage(own));
  await engine.tagImage(imageId, own);
  const check = (reference: string, wanted: string) =>
    checkNamedImage(engine, reference, { digest: wanted, packageRoot });

  assert.equal(await check(own, digest), imageId);
  for (const [reference, wanted] of [
    [own, 'f'.repeat(64)],
    ['agora-test-named:none', digest],
  ] as const) {
    await assert.rejects(check(reference, wanted), (error) => {
      assert.ok(isAppError(error, 'image-missing'));
      assert.match(error.next ?? '', new RegExp(`docker build --build-arg WORKER_DIGEST=${wanted} -t ${reference} `));
      return true;
    });
  }
});
