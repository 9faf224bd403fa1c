import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { privateEngineObstacle, startPrivateEngine } from '../../test/support/private-engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from './docker-host.ts';
import type { HostEngine } from './host-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
const labels = { [hostLabels.host]: 'gpu' };

/** An engine that takes GPUs for granted where its vendor's hook is: here one that does nothing. */
async function anEngine(t: TestContext, hasHook: boolean): Promise<{ engine: HostEngine; imageId: string }> {
  const programs = await mkdtemp(join(tmpdir(), 'agora-hook-'));
  t.after(() => rm(programs, { recursive: true, force: true }));
  const hook = join(programs, 'nvidia-container-runtime-hook');
  if (hasHook) await writeFile(hook, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const place = await startPrivateEngine({ programs });
  t.after(() => place.close());
  const engine = dockerHostEngine({ endpoint: place.endpoint });
  return { engine, imageId: await engine.build(await busyboxContext(), { ...plainBuild, tag: 'gpu' }) };
}

test('GPUs reach a workspace through the hook of their vendor', { skip, timeout: 120_000 }, async (t) => {
  const { engine, imageId } = await anEngine(t, true);
  const command = ['sh', '-c', 'env >/report/text'];
  const mounts = [{ type: 'volume', volume: 'report', target: '/report' }];
  const spec = workspaceSpecSchema.parse({ image: 'gpu', gpus: ['GPU-1', '1'], command, mounts, restart: 'no' });
  await engine.createVolume('report', volumeSpecSchema.parse({}), { labels });

  const id = await engine.createWorkspace({ name: 'gpu', spec, imageId, secrets: {}, labels });
  await engine.startContainer(id);
  await waitUntil('its end', async () => (await engine.observeContainers())[0]?.status === 'exited');
  const helper = { image: imageId, command: ['cat', '/report/text'], labels, hostNamespaces: false };
  const seen = Buffer.from(await engine.runHelper({ ...helper, binds: ['report:/report:ro'] })).toString();

  assert.match(seen, /^NVIDIA_VISIBLE_DEVICES=GPU-1,1$/m);
  await engine.removeContainer(id);
});

test('GPUs of a host without any are refused, with what to do', { skip, timeout: 120_000 }, async (t) => {
  const { engine, imageId } = await anEngine(t, false);
  const spec = workspaceSpecSchema.parse({ image: 'gpu', gpus: 'all' });

  const id = await engine.createWorkspace({ name: 'gpu', spec, imageId, secrets: {}, labels });

  await assert.rejects(engine.startContainer(id), (error) => {
    return isAppError(error, 'invalid-input') && /could not select/.test(error.message) && error.next !== undefined;
  });
  await engine.removeContainer(id);
});
