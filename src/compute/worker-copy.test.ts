import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { engineForTests, packageRoot } from '../../test/support/engine.ts';
import { registryObstacle, startLoopbackRegistry } from '../../test/support/loopback-registry.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { Engine, ImageState } from '../engine/engine.ts';
import { copyWorkerImage } from './worker-copy.ts';
import { prepareWorkerImage } from './worker-image.ts';

const { engine, skip } = await engineForTests();
const noRegistry = skip || (await registryObstacle());

/** The same engine, as another one that has nothing until something is brought. */
function elsewhere(engine: Engine, nearName = (reference: string) => reference) {
  const brought: string[] = [];
  const other: Engine = {
    ...engine,
    address: 'another engine',
    inspectImage: async (reference) => (brought.length === 0 ? undefined : engine.inspectImage(nearName(reference))),
    tagImage: async () => undefined,
    loadImage: async (images) => {
      for await (const _ of images) break;
      brought.push('copy');
    },
  };
  return { other, brought };
}

/** A registry that has the worker image of the engine, which knows it by its digest there. */
async function published(t: TestContext, engine: Engine) {
  const endpoint = parseEngineHost(engine.address, 'test');
  const host = dockerHostEngine({ endpoint });
  const registry = await startLoopbackRegistry(host, endpoint);
  const reference = `${registry.host}/team/${randomUUID()}:1`;
  t.after(async () => {
    await engine.removeImage(reference);
    await registry.close();
  });
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  await engine.tagImage(imageId, reference);
  const digest = await host.push(reference, { login: registry.login });
  const byDigest = `${reference.slice(0, -2)}@${digest}`;
  return { imageId, host, login: registry.login, byDigest, ...asFarRegistry(engine, registry.host) };
}

/** The engine, and names, as if the registry had a name that is the same one everywhere. */
function asFarRegistry(engine: Engine, near: string) {
  const farName = (reference: string) => reference.replace(`${near}/`, 'registry.example/');
  const nearName = (reference: string) => reference.replace('registry.example/', `${near}/`);
  const from: Engine = {
    ...engine,
    async inspectImage(reference) {
      const image = await engine.inspectImage(reference);
      return image && { ...image, registryDigests: image.registryDigests?.map(farName) };
    },
  };
  return { from, farName, nearName };
}

test('the worker image is pulled by its digest where a registry has it', { skip: noRegistry }, async (t) => {
  assert.ok(engine);
  const { imageId, host, login, byDigest, from, farName, nearName } = await published(t, engine);
  const { other, brought } = elsewhere(engine, nearName);

  const found = await copyWorkerImage(from, other, {
    packageRoot,
    async pull(reference) {
      if (reference !== farName(byDigest)) return;
      await host.pull(byDigest, { login });
      brought.push(reference);
    },
  });

  assert.deepEqual(found, { imageId, how: 'pulled' });
  assert.deepEqual(brought, [farName(byDigest)]);
});

test('the worker image is copied where only a registry at a loopback address has it: that is another one there', {
  skip: noRegistry,
}, async (t) => {
  assert.ok(engine);
  const { imageId } = await published(t, engine);
  const { other, brought } = elsewhere(engine);

  const found = await copyWorkerImage(engine, other, {
    packageRoot,
    pull: (reference) => assert.fail(`${reference} was pulled`),
  });

  assert.deepEqual(found, { imageId, how: 'copied' });
  assert.deepEqual(brought, ['copy']);
});

test('the worker image is copied where the other engine is not let in, which is told', {
  skip: noRegistry,
}, async (t) => {
  assert.ok(engine);
  const { imageId, host, byDigest, from, farName, nearName } = await published(t, engine);
  const { other, brought } = elsewhere(engine, nearName);
  const lines: string[] = [];

  const found = await copyWorkerImage(from, other, {
    packageRoot,
    onProgress: (line) => lines.push(line),
    pull: (reference) => host.pull(nearName(reference)),
  });

  assert.deepEqual(found, { imageId, how: 'copied' });
  assert.deepEqual(brought, ['copy']);
  assert.ok(lines.includes(`Pulling ${farName(byDigest)} at another engine`));
  assert.match(lines.join('\n'), /^Cannot pull image "127\.0\.0\.1:.*$/m);
  assert.match(lines.at(-1) ?? '', /^Copying [\d.]+ MiB from .* to another engine$/);
});

test('an engine that is the one here under another name is not copied to itself', { skip }, async () => {
  assert.ok(engine);
  let isMade = false;
  const known = engine.inspectImage;
  const hidden = async (reference: string): Promise<ImageState | undefined> => (isMade ? known(reference) : undefined);
  const other: Engine = { ...engine, inspectImage: hidden, loadImage: async () => assert.fail('it was copied') };
  const from: Engine = {
    ...engine,
    inspectImage: async (reference) => {
      isMade = true;
      return known(reference);
    },
  };
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });

  assert.deepEqual(await copyWorkerImage(from, other, { packageRoot }), { imageId, how: 'same' });
});

test('an engine with another kind of processor is told before anything is copied', { skip }, async () => {
  assert.ok(engine);
  const other: Engine = {
    ...engine,
    information: async () => ({ ...(await engine.information()), architecture: 'another' }),
    inspectImage: async () => undefined,
    loadImage: async () => assert.fail('something was copied'),
  };

  await assert.rejects(
    copyWorkerImage(engine, other, { packageRoot }),
    (error) => isAppError(error, 'refused') && /runs linux on another, the image is for linux on/.test(error.message),
  );
});
