import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { plainBuild, programContext } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { workspaceSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { Identity } from './identity.ts';
import { StateFolder } from './state-folder.ts';
import { StateVolume } from './state-volume.ts';

const { engine: found, skip } = await engineForTests();
const program = process.execPath;

describe('state in a volume', { skip }, () => {
  const mark = randomUUID().slice(0, 8);
  const image = `agora-state-test-${mark}:latest`;
  const volume = `agora-state-test-${mark}`;
  let engine: HostEngine;
  let folder: string;

  before(async () => {
    engine = dockerHostEngine({ endpoint: parseEngineHost(found?.address ?? '', 'test') });
    folder = await mkdtemp(join(tmpdir(), 'agora-state-'));
    await engine.build(await programContext(program, 'FROM scratch\nCOPY root /\n', {}), {
      ...plainBuild,
      tag: image,
      labels: { 'state.test': mark },
    });
  });
  after(async () => {
    await engine.removeVolume(volume);
    await engine.removeImage(image);
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (name: string) => {
    const state = new StateVolume(new StateFolder(join(folder, name)), { engine, image, volume, log: () => {} });
    await state.restore();
    return state;
  };

  test('a new container has what the one before it had, also when that was killed', async () => {
    const first = await open('first');
    const { fingerprint } = await Identity.load(first);
    await first.write('host.json', '{"some":"host"}');
    await first.write('target.json', `{"large":"${'x'.repeat(2_000_000)}"}`);
    await first.flush();
    await first.write('memory.json', 'not yet written when it is killed');

    const second = await open('second');

    assert.equal((await Identity.load(second)).fingerprint, fingerprint);
    assert.equal(await second.read('host.json'), '{"some":"host"}');
    assert.equal((await second.read('target.json'))?.length, 2_000_012);
    assert.equal(await second.read('memory.json'), undefined);
    await second.remove('host.json');
    await second.flush();
    assert.equal(await (await open('third')).read('host.json'), undefined);
  });

  test('what was begun for it by an agent that was killed goes with the next', async () => {
    const labels = { [hostLabels.host]: `volume ${volume}`, [hostLabels.kind]: 'helper', [hostLabels.name]: 'state' };
    const spec = workspaceSpecSchema.parse({ image, command: [program] });
    const made = (await engine.observeImages()).find(({ tags }) => tags.includes(image));
    const place = { spec, imageId: made?.id ?? assert.fail('the image was built'), secrets: {}, labels };
    const id = await engine.createWorkspace({ name: `agora-state-test-${mark}-left`, ...place });

    await open('after a kill');

    assert.ok((await engine.observeContainers()).every((container) => container.id !== id));
  });
});
