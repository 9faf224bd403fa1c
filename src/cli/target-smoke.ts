import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDuration } from '../base/duration.ts';
import { AgoraClient } from '../client/client.ts';
import { LocalDockerProvider } from '../config/local-docker-provider.ts';
import { isAppError } from '../contracts/errors.ts';
import type { EngineEndpoint } from '../engine/endpoint.ts';
import { LocalStorage } from '../storage/local.ts';
import type { MachineCheck } from './machine-checks.ts';
import { missed } from './target-way.ts';

const name = 'smoke';

/** Runs one dispatch there that leaves a patch, and takes everything of it away again. */
export async function smokeTest(endpoint: EngineEndpoint): Promise<MachineCheck> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'agora-smoke-'));
  const compute = new LocalDockerProvider({ endpoint });
  try {
    const client = new AgoraClient({
      stateFolder,
      storage: new LocalStorage({ root: join(stateFolder, 'storage') }),
      compute: { there: compute },
      subagents: { smoke: { command: ['sh', '-c', 'echo worked > proof.txt'] } },
    });
    const startedAt = performance.now();
    const { status, failure, artifacts } = await client.dispatch({
      subagent: 'smoke',
      target: 'there',
      timeoutSeconds: 60,
    });
    const took = formatDuration(performance.now() - startedAt);
    const hasPatch = artifacts.some(({ port }) => port === 'patch');
    if (status === 'done' && hasPatch)
      return { name, state: 'pass', detail: `a dispatch ran there and left its patch, ${took}` };
    const reason = failure === undefined ? status : `${failure.code}: ${failure.message}`;
    return { name, state: 'miss', detail: `a dispatch there ended as ${reason}` };
  } catch (error) {
    if (isAppError(error)) return missed(name, error);
    throw error;
  } finally {
    await compute.close();
    await rm(stateFolder, { recursive: true, force: true });
  }
}
