import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { prepareWorkerImage } from '../../src/compute/worker-image.ts';
import { engineForTests, packageRoot } from '../support/engine.ts';

const { engine, skip } = await engineForTests();

// Of all images: they have one context, and this one bundles the most of it.
test('a checkout is all that `docker build` needs', { skip, timeout: 280_000 }, async (t) => {
  assert.ok(engine);
  // In the place of the registry's base.
  const { imageId: base } = await prepareWorkerImage(engine, { packageRoot });
  const tag = `agora-test:${randomBytes(6).toString('hex')}`;
  const docker = async (...words: string[]) => {
    const env = { ...process.env, DOCKER_HOST: engine.address };
    return (await promisify(execFile)('docker', words, { cwd: packageRoot, env })).stdout;
  };
  t.after(() => docker('rmi', '-f', tag).catch(() => undefined));

  const place = ['--target', 'bundle', '-t', tag, '-f', 'docker/serve/Dockerfile', '.'];
  await docker('build', '-q', '--build-arg', `BASE=${base}`, ...place);

  const made = await docker('run', '--rm', '--entrypoint', 'ls', tag, '/build/dist');
  assert.equal(made, 'agora.cjs\nhelper-main.cjs\nport-relay-main.cjs\nsignal-main.cjs\nworker.cjs\n');
});
