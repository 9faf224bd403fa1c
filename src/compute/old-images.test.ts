import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { engineForTests } from '../../test/support/engine.ts';
import { streamTar } from '../base/tar-writer.ts';
import { isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import type { Engine } from '../engine/engine.ts';
import { findOldImages, removeOldImage } from './old-images.ts';

const { engine, skip } = await engineForTests();
const tomorrow = Date.now() + 2 * 86_400_000;

test('of the worker images only those go that are ours, old, and used by nothing', { skip }, async (t) => {
  assert.ok(engine);
  const [old, current, used, latest] = await Promise.all([1, 2, 3, 4].map(() => anImage(t)));
  assert.ok(old && current && used && latest);
  const unlabelled = await anImage(t, {});
  const container = await aContainer(used.tag);
  t.after(() => removeContainerAndImage(container, used.tag));
  const seen = only([old.tag, current.tag, used.tag, latest.tag, unlabelled.tag], latest.tag);

  const young = await findOldImages(seen, { digest: current.digest, now: Date.now() });
  const found = await findOldImages(seen, { digest: current.digest, now: tomorrow });
  for (const image of found) await removeOldImage(seen, image);

  assert.deepEqual(young, []);
  assert.deepEqual(
    found.map(({ tag }) => tag),
    [old.tag],
  );
  assert.equal(await engine.inspectImage(old.tag), undefined);
  for (const { tag } of [current, used, latest, unlabelled]) assert.ok(await engine.inspectImage(tag), tag);
});

/** What tests beside this one use is not looked at. */
function only(own: readonly string[], latest: string): Engine {
  assert.ok(engine);
  const all = engine;
  const listImages = async (repository: string) =>
    (await all.listImages(repository)).filter(({ tags }) => tags.some((tag) => own.includes(tag)));
  const inspectImage = (reference: string) => all.inspectImage(reference === workerImage.latest ? latest : reference);
  return { ...all, listImages, inspectImage };
}

async function anImage(t: TestContext, labels?: Readonly<Record<string, string>>) {
  assert.ok(engine);
  const digest = createHash('sha256').update(randomUUID()).digest('hex');
  const tag = `${workerImage.repository}:${digest}`;
  const root = streamTar(async (tar) => void tar.entry({ name: 'worker', mtime: new Date() }, digest));
  // One that a container uses cannot be removed before that.
  t.after(() => engine.removeImage(tag).catch(unlessUsed));
  await engine.importImage(root, { tag, labels: labels ?? { [workerImage.digestLabel]: digest } });
  return { tag, digest };
}

async function aContainer(image: string): Promise<string> {
  assert.ok(engine);
  return engine.createContainer({
    name: `agora-test-${randomUUID()}`,
    image,
    labels: {},
    command: ['/worker'],
    capabilities: [],
    volumes: [],
    tmpfs: {},
    hasStdin: false,
    cpus: 1,
    memoryBytes: 64 * 1024 * 1024,
    pids: 16,
    network: 'none',
    logBytes: 1024 * 1024,
  });
}

async function removeContainerAndImage(container: string, tag: string): Promise<void> {
  await engine?.removeContainer(container);
  await engine?.removeImage(tag);
}

function unlessUsed(error: unknown): void {
  if (!isAppError(error, 'task-conflict')) throw error;
}
