import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePrivateKey, publicKeyText } from './fleet-keys.ts';
import { openSealedText, sealText } from './sealed-box.ts';

const holder = makePrivateKey('x25519');
const recipient = publicKeyText(holder);

test('only the holder of the key reads what was sealed to it', () => {
  const sealed = sealText(recipient, 'höchst geheim', 'DB_PASSWORD');

  assert.equal(openSealedText(holder, sealed, 'DB_PASSWORD'), 'höchst geheim');
  assert.equal(openSealedText(makePrivateKey('x25519'), sealed, 'DB_PASSWORD'), undefined);
  assert.ok(!JSON.stringify(sealed).includes('geheim'));
});

test('an empty text and a long one come back whole, and the same text is never sealed the same', () => {
  for (const text of ['', 'x'.repeat(1_000_000)]) {
    const [one, two] = [sealText(recipient, text, ''), sealText(recipient, text, '')];
    assert.equal(openSealedText(holder, one, ''), text);
    assert.notEqual(one.ciphertext, two.ciphertext);
  }
});

test('what was changed, cut, or moved to another place is refused', () => {
  const sealed = sealText(recipient, 'value', 'A');
  const other = sealText(recipient, 'other', 'A');

  assert.equal(openSealedText(holder, sealed, 'B'), undefined);
  assert.equal(openSealedText(holder, { ...sealed, nonce: other.nonce }, 'A'), undefined);
  assert.equal(openSealedText(holder, { ...sealed, ephemeralKey: other.ephemeralKey }, 'A'), undefined);
  assert.equal(openSealedText(holder, { ...sealed, ciphertext: sealed.ciphertext.slice(4) }, 'A'), undefined);
  assert.equal(openSealedText(holder, { ...sealed, ciphertext: '' }, 'A'), undefined);
  assert.equal(openSealedText(holder, { ...sealed, ephemeralKey: 'A'.repeat(43) }, 'A'), undefined);
});
