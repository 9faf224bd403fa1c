import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy, makePrivateKey, publicKeyText } from '../base/fleet-keys.ts';
import { desiredStateSchema } from '../contracts/agent-wire.ts';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import { changeSchema } from '../contracts/host-change.ts';
import { hostSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { hostSpecDigest } from '../reconcile/spec-digest.ts';
import { desiredStateOf } from './desired.ts';

const identity = makePrivateKey('ed25519');
const host = {
  hostId: hostIdSchema.parse(`h-${'a'.repeat(26)}`),
  sealingKey: publicKeyText(makePrivateKey('x25519')),
};

/** What a host is sent of a spec that says this. */
function sentOf(given: object) {
  const spec = hostSpecSchema.parse({ schemaVersion: 1, ...given });
  const change = changeSchema.parse({
    ...{ revision: 1, specDigest: hostSpecDigest(spec), actor: 'user:ana', message: '', times: {} },
  });
  const sent = desiredStateOf(host, { change, spec, secrets: {} }, { identity, atRest: Buffer.alloc(32) });
  return { ...sent, spec };
}

test('an agent of a release without a field is not sent it where it is as by default', () => {
  const earlier = workspaceSpecSchema.omit({ stdin: true, tty: true });

  const { workspaces = {} } = sentOf({ workspaces: { web: { image: 'web:1' }, shell: { image: 'i', tty: true } } })
    .state.spec;

  assert.deepEqual(earlier.parse(workspaces['web']), earlier.parse({ image: 'web:1' }));
  assert.deepEqual(workspaces['shell'], { image: 'i', tty: true });
});

test('what a host is sent is signed as it is, and says all that was declared', () => {
  const { state, signature, spec } = sentOf({
    networks: { lan: {}, own: { driver: 'macvlan', parent: 'eth0' } },
    volumes: { data: {}, scratch: { removeWithSpec: true } },
    images: { any: { pull: 'any' } },
    workspaces: {
      any: { image: 'any', running: false, stopGrace: 0, updateStrategy: { rollback: false } },
      web: { image: 'web:1', mounts: [{ type: 'tmpfs', target: '/tmp' }], command: [] },
    },
  });

  assert.ok(isSignedBy(publicKeyText(identity), canonicalize(state), signature));
  assert.deepEqual(desiredStateSchema.parse(state).spec, spec);
});
