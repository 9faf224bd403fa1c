import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineForTests, packageRoot } from '../../test/support/engine.ts';
import { LocalStorage } from '../storage/local.ts';
import { computeSuite } from './compute.suite.ts';
import { DockerCompute } from './docker.ts';
import { prepareWorkerImage } from './worker-image.ts';

const { engine, skip } = await engineForTests();

if (engine === undefined) computeSuite('docker', () => Promise.reject(new Error(skip || 'no engine')), { skip });
else {
  computeSuite('docker', async () => {
    const root = await mkdtemp(join(tmpdir(), 'agora-compute-'));
    const storage = new LocalStorage({ root });
    const { imageId } = await prepareWorkerImage(engine, { packageRoot });
    const compute = new DockerCompute({ engine: async () => engine, image: async () => imageId });
    const hostSockets = engine.address.startsWith('unix://') ? [engine.address.slice('unix://'.length)] : [];
    return { compute, storage, hostSockets, close: () => rm(root, { recursive: true, force: true }) };
  });
}
