import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fingerprintOf, isSignedBy, makePrivateKey, publicKeyText, signText } from './fleet-keys.ts';

test('a signature holds for its key and text, and for nothing else', () => {
  const key = makePrivateKey('ed25519');
  const signature = signText(key, 'text');

  assert.equal(isSignedBy(publicKeyText(key), 'text', signature), true);
  assert.equal(isSignedBy(publicKeyText(key), 'texts', signature), false);
  assert.equal(isSignedBy(publicKeyText(makePrivateKey('ed25519')), 'text', signature), false);
  for (const bad of ['', 'x', `${signature}A`, signature.replace(/.$/, '!'), signature.slice(1)])
    assert.equal(isSignedBy(publicKeyText(key), 'text', bad), false, bad);
  for (const noKey of ['', 'x', 'A'.repeat(44), '!'.repeat(43)])
    assert.equal(isSignedBy(noKey, 'text', signature), false);
});

test('of all spellings of one signature only the canonical one counts', () => {
  const key = makePrivateKey('ed25519');
  const signature = signText(key, 'text');
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const accepted = [...last].filter((end) => isSignedBy(publicKeyText(key), 'text', signature.slice(0, -1) + end));

  assert.deepEqual(accepted, [signature.at(-1)]);
});

test('a fingerprint is the start of the hash in base32', () => {
  const publicKey = publicKeyText(makePrivateKey('ed25519'));
  const bits = [...createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest()]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const letters = Array.from({ length: 16 }, (_, at) =>
    'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number.parseInt(bits.slice(at * 5, at * 5 + 5), 2)),
  ).join('');

  assert.equal(fingerprintOf(publicKey).replaceAll('-', ''), letters);
  assert.match(fingerprintOf(publicKey), /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
});
