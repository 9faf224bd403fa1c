import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import { probeEngine, probeWorkerImage } from './probe-engine.ts';

const allowed = { AGORA_INSECURE_ENGINE: '1' };

test('an engine of this machine that does not answer is a silent one, and one of another machine a failure', async () => {
  const near = await probeEngine({ DOCKER_HOST: 'tcp://127.0.0.1:1' });
  // An address that is no loopback address, and at which nothing is asked of a network.
  const far = probeEngine({ DOCKER_HOST: 'tcp://0.0.0.0:1', ...allowed });

  assert.equal(near.kind, 'silent');
  await assert.rejects(far, (error) => isAppError(error, 'unreachable') && /tcp:\/\/0\.0\.0\.0:1/.test(error.message));
});

test('the worker image of another release is outdated, and none is missing', async () => {
  const withImage = (digest: string, tag: string) => ({
    inspectImage: async (reference: string) =>
      reference === tag
        ? { id: 'i', labels: { [workerImage.digestLabel]: digest }, sizeBytes: 1, registryDigests: [] }
        : undefined,
    listImages: async () => [{ id: 'i', tags: [tag], createdAtMs: 0 }],
  });
  const none = { inspectImage: async () => undefined, listImages: async () => [] };

  const states = await Promise.all([
    probeWorkerImage(withImage('now', `${workerImage.repository}:now`), 'now'),
    probeWorkerImage(withImage('now', workerImage.latest), 'now'),
    probeWorkerImage(withImage('before', workerImage.latest), 'now'),
    probeWorkerImage(withImage('now', workerImage.latest), 'now', 'claude-code'),
    probeWorkerImage(none, 'now'),
  ]);

  assert.deepEqual(states, ['current', 'current', 'outdated', 'missing', 'missing']);
});
