import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, type ErrorCode, isAppError } from '../contracts/errors.ts';
import { hostEngineError, registryError } from './docker-host-errors.ts';

const words: readonly (readonly [ErrorCode, string])[] = [
  ['disk-full', 'write /var/lib/docker/overlay2/x: no space left on device'],
  [
    'task-conflict',
    'driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated',
  ],
  ['task-conflict', 'rootlessport listen tcp 0.0.0.0:80: bind: address already in use'],
  ['invalid-input', 'could not select device driver "" with capabilities: [[gpu]]'],
  [
    'invalid-input',
    'error gathering device information while adding custom device "/dev/x": no such file or directory',
  ],
  ['image-missing', 'manifest for busybox:none not found: manifest unknown'],
  [
    'image-missing',
    'pull access denied for x, repository does not exist or may require docker login: denied: requested',
  ],
  ['unreachable', 'transport is closing: unavailable'],
  ['refused', 'unauthorized: authentication required'],
  ['task-conflict', 'network x id ab has active endpoints'],
  ['task-conflict', 'network name x already used: network already exists'],
  ['invalid-input', 'Pool overlaps with other one on this address space'],
  ['invalid-input', 'cannot create network a (br-a): conflicts with network b (br-b): networks have overlapping IPv4'],
  ['internal', 'something that nobody knows'],
];

for (const [code, text] of words) {
  test(`an engine that says "${text.slice(0, 60)}" means ${code}`, () => {
    const error = hostEngineError(new AppError('internal', `Cannot start: the engine says "${text}" (500)`));

    assert.ok(isAppError(error, code));
    assert.ok(error.message.includes(text));
  });
}

test('a registry that is away is not ready, an engine that is away stays unreachable', () => {
  const away = new AppError(
    'internal',
    'Cannot pull: the engine says "dial tcp: lookup r.example: no such host" (500)',
  );
  const gone = new AppError('unreachable', 'Cannot pull: no engine answers (ECONNREFUSED): connection refused');

  assert.ok(isAppError(registryError(away), 'not-ready'));
  assert.equal(registryError(gone), gone);
});
