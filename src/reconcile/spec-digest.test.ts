import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workspaceSpecSchema } from '../contracts/host-spec.ts';
import { workspaceDigest } from './spec-digest.ts';

const digestOf = (wish: object) => workspaceDigest(workspaceSpecSchema.parse({ image: 'busybox:1', ...wish }));

test('a field that a later release added makes no container again that an earlier one made', () => {
  // As the releases before `stdin` and `tty` had it.
  const made = 'sha256:56cad1efc2910e51a8f3c22541e34f041886b096cea35c91678368598a8de934';

  assert.equal(digestOf({ ports: [{ container: 80 }] }), made);
});

test('an input and a terminal are what a container is made with', () => {
  const digests = [{}, { stdin: true }, { tty: true }, { stdin: true, tty: true }].map(digestOf);

  assert.equal(new Set(digests).size, digests.length);
});
