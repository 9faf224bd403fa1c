import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CredentialScanner, findCredential } from './credential-stream.ts';

const token = `ghp_${'a1'.repeat(18)}`;
const webToken = ['eyJhbGciOiJIUzI1NiJ9', `eyJ${'c3ViamVjdA'.repeat(500)}`, 'c2lnbmF0dXJlLXNpZ25hdHVyZQ'].join('.');

function scan(chunks: readonly Uint8Array[]) {
  const scanner = new CredentialScanner();
  for (const chunk of chunks) {
    const found = scanner.add(chunk);
    if (found !== undefined) return found;
  }
  return scanner.end();
}

test('a credential is found with its line however the bytes are cut', () => {
  const samples = fc.constantFrom(
    [token, 'a GitHub token'] as const,
    [webToken, 'a JSON web token'] as const,
    [`-----BEGIN ${'RSA'} PRIVATE KEY-----`, 'a private key'] as const,
  );
  const filler = fc.integer({ min: 0, max: 200_000 });
  const cuts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(samples, filler, filler, cuts, ([text, kind], before, behind, sizes) => {
      const content = Buffer.from(`${'word\n'.repeat(before / 5)} ${text} ${'\0more '.repeat(behind / 6)}`);
      const chunks: Uint8Array[] = [];
      for (let at = 0, index = 0; at < content.length; index += 1) {
        const size = sizes[index % sizes.length] ?? 1;
        chunks.push(content.subarray(at, at + size));
        at += size;
      }

      assert.deepEqual(scan(chunks), { kind, line: Math.floor(before / 5) + 1 });
    }),
    { numRuns: 60 },
  );
});

test('the end of a longer word is no credential, wherever a window begins', () => {
  for (let before = 65_500; before < 65_560; before += 1) {
    assert.equal(scan([Buffer.from(`${'x'.repeat(before)}${token}`), Buffer.from('x'.repeat(70_000))]), undefined);
  }
});

test('bytes that are no text are looked at too', () => {
  const bytes = Buffer.concat([Uint8Array.of(0xff, 0x00, 0xfe, 0x0a), Buffer.from(token), Uint8Array.of(0x80)]);

  assert.deepEqual(scan([bytes]), { kind: 'a GitHub token', line: 2 });
});

test('what manuals write in place of a credential is none', () => {
  const manual = [
    'Authorization: Bearer YOUR_ACCESS_TOKEN_HERE',
    `aws_access_key_id = AKIA${'IOSFODNN7'}EXAMPLE`,
    'export KEY=sk-ant-...',
    'token: ghp_xxxx',
  ];

  assert.equal(findCredential(manual.join('\n')), undefined);
});

// Without an end to how far a pattern looks, each of these would take minutes.
test('text made to slow a scan down is passed over', () => {
  const megabyte = (unit: string) => Buffer.from(unit.repeat(1_000_000 / unit.length));
  for (const unit of ['eyJ-', '.eyJaaaaaaa', 'bearer ', '-----BEGIN A ', 'sk-', 'AKIA-', 'a']) {
    assert.equal(scan([megabyte(unit)]), undefined, unit);
  }
});
