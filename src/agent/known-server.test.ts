import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf, makePrivateKey, publicKeyText } from '../base/fleet-keys.ts';
import { fingerprintOfJoinToken, judgeServer, type Trust } from './known-server.ts';

const [key, otherKey] = [makePrivateKey('ed25519'), makePrivateKey('ed25519')].map(publicKeyText);
const url = 'http://server:8090';

function trust(rest: Partial<Trust> = {}): Trust {
  return { known: undefined, joinFingerprint: undefined, acceptedFingerprint: undefined, ...rest };
}

test('the first server is trusted, with a join token only if it is its own', () => {
  assert.ok(key && otherKey);

  assert.equal(judgeServer(key, url, trust()), 'first');
  assert.equal(judgeServer(key, url, trust({ joinFingerprint: fingerprintOf(key) })), 'first');
  assert.throws(() => judgeServer(otherKey, url, trust({ joinFingerprint: fingerprintOf(key) })), { code: 'no-trust' });
});

test('later only the known one is, at whatever address, until another is accepted by its fingerprint', () => {
  assert.ok(key && otherKey);
  const known = { url: 'http://elsewhere', key };

  assert.equal(judgeServer(key, url, trust({ known, joinFingerprint: fingerprintOf(otherKey) })), 'known');
  assert.equal(judgeServer(otherKey, url, trust({ known, acceptedFingerprint: fingerprintOf(otherKey) })), 'replaced');
  assert.throws(() => judgeServer(otherKey, url, trust({ known, acceptedFingerprint: fingerprintOf(key) })), {
    code: 'no-trust',
  });
});

test('a join token tells the fingerprint of its server, and what is none is refused', () => {
  assert.equal(fingerprintOfJoinToken('agora-join.aaaa-bbbb-cccc-dddd.secret_1-2'), 'aaaa-bbbb-cccc-dddd');
  for (const token of ['', 'agora-join.aaaa.secret', 'x.aaaa-bbbb-cccc-dddd.s', 'agora-join.aaaa-bbbb-cccc-dddd.']) {
    assert.throws(() => fingerprintOfJoinToken(token), { code: 'invalid-input' });
  }
});
