import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { dockerHostEngine } from './docker-host.ts';
import { parseEngineHost } from './endpoint.ts';

const { engine: plainEngine, skip } = await engineForTests();

test('all names of one image are removed at once', { skip }, async () => {
  assert.ok(plainEngine);
  const engine = dockerHostEngine({ endpoint: parseEngineHost(plainEngine.address, 'test') });
  const name = `agora-names-${randomUUID()}`;

  // The engine answers differently by how they meet.
  for (let round = 0; round < 10; round += 1) {
    const tags = Array.from({ length: 6 }, (_, at) => `${name}:${at}`);
    const tag = tags[0] ?? '';
    const id = await engine.build(await busyboxContext(), { ...plainBuild, tag, labels: { [name]: '' } });
    for (const other of tags.slice(1)) await engine.tagImage(id, other);

    await Promise.all(tags.map((each) => engine.removeImage(each)));

    const left = (await engine.observeImages()).filter(({ tags: each }) => each.some((one) => one.startsWith(name)));
    assert.deepEqual(left, []);
  }
});
