import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { agentPlace, apply, approve } from '../../test/support/agent-place.ts';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { engineForTests, rawEngine } from '../../test/support/engine.ts';
import { smallDisk, withoutSmallDisks } from '../../test/support/small-disk.ts';
import { waitUntil } from '../base/deadline.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { startServer } from '../server/suite-server.ts';
import { StateFolder } from './state-folder.ts';
import { knownHostSchema } from './stored.ts';

const { engine: found, skip: withoutEngine } = await engineForTests();
const skip = withoutEngine || withoutSmallDisks;
const patience = { timeoutMs: 30_000 };

test('an agent whose disk is full goes on, says so on both sides, and loses nothing once there is space', {
  skip,
}, async (t) => {
  const address = found?.address ?? '';
  const server = await startServer(t);
  const disk = await smallDisk();
  const place = await agentPlace(t, address, disk.folder);
  t.after(() => disk.close());
  const name = `agora-disk-${randomUUID().slice(0, 8)}`;
  const image = `${name}:latest`;
  await place.engine.build(await busyboxContext(), { ...plainBuild, tag: image });
  t.after(() => place.engine.removeImage(image));
  const specOf = (value: string) => {
    const workspace = { image, command: ['sleep', '1000'], stopGrace: 0, env: { VALUE: value } };
    return hostSpecSchema.parse({ schemaVersion: 1, workspaces: { [name]: workspace } });
  };
  const running = (but?: string) =>
    waitUntil(
      'the container',
      async () => {
        const container = (await place.engine.observeContainers()).find((one) => one.name === name);
        return container?.status === 'running' && container.startedAt !== but ? container : undefined;
      },
      patience,
    );
  const status = () => server.admin.call('getHost', { params: { host: place.name } });
  const problems = async () => (await status()).problems.map(({ message }) => message).join();
  place.start(server.url);
  await approve(server, place.name);
  await apply(server, place.name, specOf('one'));
  const first = await running();

  await disk.fill();
  await apply(server, place.name, specOf('two'));
  await waitUntil('the problem to be told', async () => /no space left/.test(await problems()), patience);
  await server.admin.call('changeHost', { params: { host: place.name }, body: { settings: { reconcileSeconds: 7 } } });
  await (await rawEngine(address)).getContainer(first.id).kill();
  const again = await running(first.startedAt);
  await place.stop();
  place.start(server.url);
  await place.has('Registered');
  await (await rawEngine(address)).getContainer(first.id).kill();
  await running(again.startedAt);

  assert.match(place.lines.join('\n'), /Cannot write ".*": no space left on its disk\. Free space on the disk/);
  await disk.free();
  await waitUntil('what is declared', async () => (await status()).change?.times.applied !== undefined, patience);
  await waitUntil('no problem', async () => (await problems()) === '', patience);
  await place.has('is kept again');
  const kept = knownHostSchema.parse(JSON.parse((await new StateFolder(disk.folder).read('host.json')) ?? ''));
  assert.equal(kept.settings.reconcileSeconds, 7);
});
