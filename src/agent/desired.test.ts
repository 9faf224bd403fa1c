import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '../base/canonical-json.ts';
import { makePrivateKey, publicKeyText, signText } from '../base/fleet-keys.ts';
import { digestOf } from '../base/hash.ts';
import { sealText } from '../base/sealed-box.ts';
import { emptyHostSpec } from '../contracts/host-spec.ts';
import { digestSchema } from '../contracts/ids.ts';
import { acceptTarget, openSecrets } from './desired.ts';

const serverPrivate = makePrivateKey('ed25519');
const serverKey = publicKeyText(serverPrivate);
const hostId = `h-${'a'.repeat(26)}`;

function aState(rest: object = {}) {
  return { hostId, revision: 5, specDigest: digestOf('five'), spec: emptyHostSpec, sealed: {}, ...rest };
}

const signed = (state: object) => ({ state, signature: signText(serverPrivate, canonicalize(state)) });
const expected = { serverKey, hostId, last: { revision: 5, specDigest: digestSchema.parse(digestOf('five')) } };

test('a target of the server for this host is taken, again as well, with what a later release adds', () => {
  assert.equal(acceptTarget(signed(aState()), { ...expected, last: undefined }).revision, 5);
  assert.equal(acceptTarget(signed(aState({ comes: 'later' })), expected).revision, 5);
  assert.equal(acceptTarget(signed(aState({ revision: 6, specDigest: digestOf('six') })), expected).revision, 6);
});

test('what is forged, changed, for another host or a step back is not taken', () => {
  const { signature } = signed(aState());
  const other = signText(makePrivateKey('ed25519'), canonicalize(aState()));
  const refusals = {
    'its signature does not hold': [
      { state: aState({ revision: 6 }), signature },
      { state: aState(), signature: other },
      { state: aState(), signature: '' },
    ],
    'it is for host': [signed(aState({ hostId: `h-${'b'.repeat(26)}` }))],
    'is older than revision 5': [signed(aState({ revision: 4 }))],
    'was another one before': [signed(aState({ specDigest: digestOf('else') }))],
  };

  for (const [message, targets] of Object.entries(refusals)) {
    for (const target of targets) {
      assert.throws(() => acceptTarget(target, expected), { code: 'no-trust', message: new RegExp(message) });
    }
  }
});

test('a target of a release that this one cannot read is told as such', () => {
  const state = aState({ spec: { schemaVersion: 2 } });

  assert.throws(() => acceptTarget(signed(state), expected), { code: 'invalid-input', message: /spec\.schemaVersion/ });
});

test('secrets open with a new key or the one before, under their own ref alone', () => {
  const [now, before, strange] = [makePrivateKey('x25519'), makePrivateKey('x25519'), makePrivateKey('x25519')];
  const sealed = {
    'env:NEW': sealText(publicKeyText(now), 'new', 'env:NEW'),
    'env:OLD': sealText(publicKeyText(before), 'old', 'env:OLD'),
    'env:MOVED': sealText(publicKeyText(now), 'moved', 'env:NEW'),
  };

  const opened = openSecrets({ A: 'env:NEW', B: 'env:OLD' }, sealed, [now, before]);

  assert.deepEqual(opened, { A: 'new', B: 'old' });
  for (const ref of ['env:MOVED', 'env:MISSING', 'toString']) {
    assert.throws(() => openSecrets({ A: ref }, sealed, [now]), { code: 'secret-missing' });
  }
  assert.throws(() => openSecrets({ A: 'env:NEW' }, sealed, [strange]), { code: 'secret-missing' });
});
