import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { authenticate, type DsseEnvelope, payloadOf, payloadType, preAuthenticationEncoding } from './dsse.ts';
import { Refusal } from './refusal.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const key = { keyId: 'sha256:key', publicKey };

function anEnvelope(payload = 'hello'): DsseEnvelope {
  const bytes = Buffer.from(payload);
  const sig = sign(null, preAuthenticationEncoding(payloadType, bytes), privateKey).toString('base64');
  return { payload: bytes.toString('base64'), payloadType, signatures: [{ sig, keyid: key.keyId }] };
}

/** Numbers of the example in protocol.md of secure-systems-lab/dsse; P-256, signature r || s. */
const published = {
  x: 46950820868899156662930047687818585632848591499744589407958293238635476079160n,
  y: 5640078356564379163099075877009565129882514886557779369047442380624545832820n,
  sig: 'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==',
};

test('the signature of the published DSSE example is over the bytes we encode', () => {
  const coordinate = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url');
  const point = { kty: 'EC', crv: 'P-256', x: coordinate(published.x), y: coordinate(published.y) };
  const publishedKey = createPublicKey({ key: point, format: 'jwk' });

  const bytes = preAuthenticationEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));

  assert.equal(bytes.toString(), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  const signature = Buffer.from(published.sig, 'base64');
  assert.equal(verify('sha256', bytes, { key: publishedKey, dsaEncoding: 'ieee-p1363' }, signature), true);
});

test('an envelope is authentic with the one signature of the named key', () => {
  authenticate(anEnvelope(), key, 'seal');

  assert.equal(Buffer.from(payloadOf(anEnvelope(), 'seal')).toString(), 'hello');
});

test('a signature that is missing, doubled, of another payload or of another key is refused', () => {
  const envelope = anEnvelope();
  const [signature] = envelope.signatures;
  const other = anEnvelope('other');
  const refused: DsseEnvelope[] = [
    { ...envelope, signatures: [] },
    { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] },
    { ...envelope, payload: other.payload },
    { ...envelope, signatures: [{ sig: '', keyid: key.keyId }] },
    { ...envelope, signatures: [{ sig: signature?.sig ?? '', keyid: 'sha256:other' }] },
  ];

  for (const candidate of refused) assert.throws(() => authenticate(candidate, key, 'seal'), Refusal);
});

test('base64 has one spelling: no other alphabet, padding or trailing bits', () => {
  for (const payload of ['aGVsbG8', 'aGVsbG9=', 'aGVsbG8=\n', 'aGVs bG8=', '-_-_']) {
    assert.throws(() => payloadOf({ ...anEnvelope(), payload }, 'seal'), /base64/);
  }
});
