import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { engineForTests, packageRoot, rawEngine } from '../../test/support/engine.ts';
import type { Task } from '../contracts/task.ts';
import type { Engine } from '../engine/engine.ts';
import { DockerCompute } from './docker.ts';
import { internetNetwork } from './docker-network.ts';
import { aDeploymentId, aTask, runTask } from './suite-tasks.ts';
import { prepareWorkerImage } from './worker-image.ts';

const { engine: found, skip } = await engineForTests();
const engine = found as Engine; // Tests that use it are skipped where there is none.
const imageId = skip ? '' : (await prepareWorkerImage(engine, { packageRoot })).imageId;
const compute = new DockerCompute({ engine: async () => engine, image: async () => imageId });
const deploymentId = aDeploymentId();

after(async () => {
  if (!skip) for (const handle of await compute.list(deploymentId)) await compute.remove(handle);
});

test('workers with internet are on a network of their own and cannot reach each other', { skip }, async () => {
  const serve = `require('net').createServer((s) => s.end('hi')).listen(8080, () => console.log('listening'))`;
  const server = await compute.start(online(['node', '-e', serve]), AbortSignal.timeout(60_000));
  await logged(server, 'listening');
  const inspected = await (await rawEngine(engine.address)).getContainer(server.providerId).inspect();
  const [network] = Object.values(inspected.NetworkSettings.Networks);
  assert.ok(network?.IPAddress);
  // Its own gateway answers, if only with a refusal: so what does not answer is kept away, and not for want of a network.
  const reach = `
    const { connect } = require('net');
    const answer = (host) => new Promise((resolve) => {
      const socket = connect({ host, port: 8080, timeout: 2000 });
      socket.on('connect', () => resolve('connected')).on('error', (error) => resolve(error.code));
      socket.on('timeout', () => resolve('nothing'));
    });
    Promise.all([answer('${network.IPAddress}'), answer('${network.Gateway}')]).then(([worker, gateway]) => {
      console.log(worker, gateway);
      process.exit(worker === 'connected' || gateway === 'nothing' ? 1 : 0);
    });`;

  const { result } = await runTask(compute, online(['node', '-e', reach]));

  assert.equal(result.outcome, 'done', JSON.stringify(result));
  await compute.remove(server);
});

test('the network is the same for all who ask at once', { skip }, async () => {
  const { name, labels } = internetNetwork;

  const ids = await Promise.all(Array.from({ length: 4 }, () => engine.isolatedNetwork(name, labels)));

  assert.equal(new Set(ids).size, 1);
});

function online(command: readonly string[]): Task {
  const task = aTask({ command, deploymentId });
  return { ...task, spec: { ...task.spec, network: 'internet' } };
}

async function logged(handle: Awaited<ReturnType<typeof compute.start>>, text: string): Promise<void> {
  for await (const { bytes } of compute.logs(handle, { follow: true, signal: AbortSignal.timeout(60_000) })) {
    if (Buffer.from(bytes).includes(text)) return;
  }
  assert.fail(`it never said "${text}"`);
}
