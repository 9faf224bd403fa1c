import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { waitUntil } from '../../../src/base/deadline.ts';
import { streamTar } from '../../../src/base/tar-writer.ts';
import { internetNetwork } from '../../../src/compute/docker-network.ts';
import { prepareWorkerImage } from '../../../src/compute/worker-image.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { packageRoot, rawEngine } from '../engine.ts';

/** A request for a message, as the stub saw it. */
export interface SeenRequest {
  readonly scenario: string;
  readonly model: string;
  readonly paidBy: 'key' | 'token';
  readonly said: string;
}

/** The stub of the model API, where workers with network `internet` reach it. */
export interface ModelApi extends AsyncDisposable {
  /** For ANTHROPIC_BASE_URL. */
  url(scenario: string): string;
  seen(scenario: string): Promise<SeenRequest[]>;
}

const files = ['server.ts', 'scenarios.ts', 'requests.ts', 'replies.ts'];

/**
 * Starts the stub as a container beside the workers, in the network namespace of the engine, which may be another than
 * this process's.
 */
export async function startModelApi(engine: Engine): Promise<ModelApi> {
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  const docker = await rawEngine(engine.address);
  const network = docker.getNetwork(await engine.isolatedNetwork(internetNetwork.name, internetNetwork.labels));
  const { IPAM } = await network.inspect();
  const gateway = IPAM?.Config?.[0]?.Gateway;
  const container = await docker.createContainer({
    Image: imageId,
    Entrypoint: ['node', '/model-api/server.ts'],
    Labels: { 'agora.test': 'model-api' },
    HostConfig: { NetworkMode: 'host' },
  });
  const dispose = () => container.remove({ force: true, v: true });
  const lines = async () => {
    const printed = demultiplexed(await container.logs({ stdout: true }));
    return printed.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  try {
    await container.putArchive(Readable.from(sources()), { path: '/' });
    await container.start();
    const [{ port }] = await waitUntil('the stub of the model API', async () => {
      const printed = await lines();
      return printed.length > 0 ? printed : undefined;
    });
    return {
      url: (scenario) => `http://${gateway}:${port}/${scenario}`,
      seen: async (scenario) => (await lines()).filter((line) => line.scenario === scenario),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function sources() {
  return streamTar(async (tar) => {
    tar.entry({ name: 'model-api/package.json' }, '{"type":"module"}');
    for (const name of files) tar.entry({ name: `model-api/${name}` }, await readFile(join(import.meta.dirname, name)));
  });
}

/** Each piece of a container's log comes with eight bytes before it; the last four are its length. */
function demultiplexed(log: Buffer): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at + 8 <= log.length; ) {
    const end = at + 8 + log.readUInt32BE(at + 4);
    pieces.push(log.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(pieces).toString('utf8');
}
