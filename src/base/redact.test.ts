import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { casesOf } from '../../test/support/quick-tests.ts';
import { Redactor } from './redact.ts';
import { isLongEnough, patternsOf } from './redact-forms.ts';
import { skipping } from './redact-skips.ts';

const secret = 'sk-ant/key+1 "quoted"\\n~é';

/** What came out of a stream that was given a text in pieces of random size. */
function inPieces(redactor: Redactor, text: string | Buffer): Buffer {
  const stream = redactor.stream();
  const bytes = Buffer.from(text as string);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = randomInt(1, 12);
    out.push(stream.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat([...out, stream.end()]);
}

const wrapped = (text: string, width: number) => text.replaceAll(new RegExp(`(.{${width}})`, 'g'), '$1\n');
const forms: Readonly<Record<string, (value: string) => string>> = {
  raw: (value) => value,
  json: (value) => JSON.stringify({ value }),
  'json in json': (value) => JSON.stringify({ value: JSON.stringify({ value }) }),
  'json with slashes escaped': (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  'ascii json': (value) =>
    JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 after one byte': (value) => Buffer.from(`x${value}`).toString('base64'),
  'base64 after two bytes, more behind': (value) => Buffer.from(`xy${value} and on`).toString('base64'),
  base64url: (value) => Buffer.from(`user:${value}`).toString('base64url'),
  'wrapped base64': (value) => wrapped(Buffer.from(`${'x'.repeat(60)}${value}`).toString('base64'), 19),
  'wrapped base64 in json': (value) => JSON.stringify(wrapped(Buffer.from(value).toString('base64'), 16)),
  'url component': (value) => encodeURIComponent(value),
  'url component, lower case': (value) => encodeURIComponent(value).replaceAll(/%../g, (code) => code.toLowerCase()),
  'url form': (value) => new URLSearchParams({ value }).toString(),
  url: (value) => encodeURI(value),
  'base64 in a url': (value) => encodeURIComponent(Buffer.from(value).toString('base64')),
  hex: (value) => Buffer.from(value).toString('hex'),
  'upper hex': (value) => Buffer.from(value).toString('hex').toUpperCase(),
};

for (const [name, form] of Object.entries(forms)) {
  test(`a secret as ${name} is replaced, whatever is around it and however it is cut`, () => {
    const redactor = new Redactor({ TOKEN: secret });

    const out = inPieces(redactor, `before ${form(secret)} after\n`).toString();

    assert.match(out, /^before .*<redacted:TOKEN>.* after\n$/s);
    assert.equal(redactor.holds(out), false);
  });
}

test('what holds no secret comes out byte for byte', () => {
  const redactor = new Redactor({ TOKEN: secret, OTHER: 'nnnnnn' });
  const bytes = Buffer.concat([randomBytes(50_000), Buffer.from('sk-ant/key and sk-ant/key+1 "quo\\n\\nnnnn')]);

  assert.ok(inPieces(redactor, bytes).equals(bytes));
});

const alphabets = ['abcdefgh0123456789', 'nr\\ab', '"\\/\t\b nx', "%+/=&?# -_.~!*()'", 'é€😀\u2028<>&z'] as const;

function randomText(alphabet: string, least: number, most: number): string {
  const letters = [...alphabet];
  return Array.from({ length: randomInt(least, most + 1) }, () => letters[randomInt(letters.length)]).join('');
}

test('random secrets of any alphabet in random places, forms and pieces are all found, and nothing else is changed', () => {
  const kinds = Object.values(forms);
  for (let round = 0; round < casesOf(2_000); round += 1) {
    const value = randomText(alphabets[round % alphabets.length] ?? '', 6, 40);
    if (!isLongEnough(value)) continue;
    const redactor = new Redactor({ S: value });
    const form = kinds[randomInt(kinds.length)]?.(value) ?? '';
    const around = () => `|${randomBytes(randomInt(0, 9)).toString('hex')}|`;
    const [before, after] = [around(), around()];

    const out = inPieces(redactor, `${before}${form}${after}`).toString();

    assert.ok(out.startsWith(before) && out.endsWith(after) && out.includes('<redacted:S>'), value);
    assert.ok(!out.includes(form), value);
    assert.equal(out, redactor.text(`${before}${form}${after}`), 'the same however it is cut');
  }
});

test('random text that holds nothing to look for comes out byte for byte, whatever it begins like', () => {
  for (let round = 0; round < casesOf(2_000); round += 1) {
    const alphabet = alphabets[round % alphabets.length] ?? '';
    const value = randomText(alphabet, 6, 12);
    const text = Buffer.from(randomText(`${alphabet}\n\\`, 0, 200));
    const isThere = patternsOf({ S: value }).some(({ bytes }) => skipping(text).includes(bytes));

    const out = inPieces(new Redactor({ S: value }), text);

    assert.equal(out.equals(text), !isThere, JSON.stringify({ value, text: text.toString() }));
  }
});

test('only what may be the start of a secret is held back', () => {
  const stream = new Redactor({ TOKEN: 'hunter2-hunter2' }).stream();

  assert.equal(stream.push(Buffer.from('password: hun')).toString(), 'password: ');
  assert.equal(stream.push(Buffer.from('dred\n')).toString(), 'hundred\n');
  assert.equal(stream.push(Buffer.from('progress\n')).toString(), 'progress\n');
  assert.equal(stream.push(Buffer.from('hunter2-hunter')).toString(), '');
  assert.equal(stream.push(Buffer.from('2.')).toString(), '<redacted:TOKEN>.');
});

test('secrets that overlap or hold one another leave nothing of either', () => {
  const redactor = new Redactor({ SHORT: 'abcdef', LONG: 'abcdefghij', TAIL: 'ghijkl' });

  assert.equal(inPieces(redactor, '-abcdefghijkl-abcdefgh-').toString(), '-<redacted:LONG>-<redacted:SHORT>gh-');
});

test('what is held back stays small, also for a secret that repeats itself or is torn apart', () => {
  const stream = new Redactor({ SAME: 'a'.repeat(600), LONG: randomBytes(60_000).toString('hex') }).stream();
  let out = 0;

  for (let count = 0; count < 64; count += 1) out += stream.push(Buffer.from('a\n'.repeat(2_000))).length;
  for (let count = 0; count < 64; count += 1) out += stream.push(Buffer.from(`b${'\n'.repeat(4_000)}`)).length;

  assert.ok(out > 64 * 4_000 - 10_000);
  assert.match(stream.end().toString(), /^\n*$|^b\n*$/);
});

test('each piece of a long secret is found, and each line of a key', () => {
  const long = randomBytes(4_000).toString('hex');
  const key = `-----BEGIN KEY-----\n${randomBytes(48).toString('base64')}\n${randomBytes(48).toString('base64')}\n-----END KEY-----\n`;
  const redactor = new Redactor({ LONG: long, KEY: key });

  assert.equal(inPieces(redactor, `<${long}>`).toString().replaceAll('<redacted:LONG>', ''), '<>');
  const prefixed = key.replaceAll(/^/gm, '> ');
  assert.equal(
    inPieces(redactor, prefixed).toString(),
    '> -----BEGIN KEY-----\n> <redacted:KEY>\n> <redacted:KEY>\n> -----END KEY-----\n> ',
  );
});

test('JSON stays JSON where a secret in it is replaced', () => {
  for (const value of ['"quoted"', '\tindented', '\\\\server', 'ends with\\', 'éèêëàù']) {
    const redactor = new Redactor({ S: value });
    const texts = [JSON.stringify({ a: `x\\${value}"y` }), JSON.stringify({ a: JSON.stringify({ value }) })];

    for (const text of texts) assert.match(JSON.parse(redactor.text(text)).a, /<redacted:S>/);
  }
});

test('backslashes before a secret go with it also where a piece ends between them', () => {
  const stream = new Redactor({ S: 'quoted-secret' }).stream();

  const out = [...JSON.stringify({ path: '\\quoted-secret' })].map((byte) => stream.push(Buffer.from(byte)));

  assert.equal(JSON.parse(Buffer.concat([...out, stream.end()]).toString()).path, '<redacted:S>');
});

test('a secret that is too short or blank is none', () => {
  const redactor = new Redactor({ SHORT: 'true', BLANK: ' '.repeat(20), PASSED_OVER: '\\\\\\\n\\ab' });

  assert.equal(redactor.isIdle, true);
  assert.equal(redactor.text('true'.padEnd(30)), 'true'.padEnd(30));
});

test('what is passed over is line ends and their escapes', () => {
  assert.equal(skipping(Buffer.from('a\r\nb\\nc\\\\nd\\"e\\tn')).toString(), 'abcd"etn');
});
