import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { LocalStorage } from '../storage/local.ts';
import { probeSandbox } from './bubblewrap-probe.ts';
import { computeSuite } from './compute.suite.ts';
import { ProcessCompute } from './process.ts';
import { buildWorkerBundle } from './worker-bundle.ts';

const packageRoot = join(import.meta.dirname, '..', '..');
const probe = await probeSandbox();

computeSuite(
  'process (bubblewrap)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'agora-process-'));
    const storage = new LocalStorage({ root: join(folder, 'storage') });
    const bundle = buildWorkerBundle(packageRoot);
    const compute = new ProcessCompute({ folder: join(folder, 'work'), workerBundle: () => bundle });
    return { compute, storage, close: () => rm(folder, { recursive: true, force: true }) };
  },
  { skip: leftToNpmTest || (probe.kind === 'none' && probe.reason) },
);
