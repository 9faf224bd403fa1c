import { skipping } from './redact-skips.ts';

/**
 * Shorter ones are not blacked out: `true` or a port number would be found in half the files of a worktree, and the
 * work would be spoiled for something that anybody can guess.
 */
const shortestSecretBytes = 6;

/** Bytes to look for, as they are once what may stand between them is taken away. */
export interface RedactionPattern {
  /** The variable that holds the secret. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Fewer say nothing, and would be found everywhere. */
const shortestPatternBytes = 4;
/** Longer ones are looked for in pieces: what has to be held back and compared stays small. */
const longestPatternBytes = 1024;
const pieceBytes = 512;

/** Everything to look for, for secrets by variable name. */
export function patternsOf(secrets: Readonly<Record<string, string>>): RedactionPattern[] {
  return Object.entries(secrets)
    .filter(([, value]) => isLongEnough(value))
    .flatMap(([name, value]) => unique(patternsOfValue(value.trim())).map((bytes) => ({ name, bytes })));
}

/** Whether a secret is one that is blacked out: also without what is passed over in it, enough has to be left. */
export function isLongEnough(value: string): boolean {
  const bytes = Buffer.from(value.trim());
  return bytes.length >= shortestSecretBytes && skipping(bytes).length >= shortestPatternBytes;
}

function patternsOfValue(value: string): Buffer[] {
  const texts = [...formsOf(value), ...keyLinesOf(value)];
  return texts
    .map((form) => skipping(Buffer.from(form)))
    .flatMap(withoutEscapedStart)
    .filter((bytes) => bytes.length >= shortestPatternBytes)
    .flatMap(piecesOf);
}

/** A value as programs print it. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const base64 = base64Forms(bytes);
  return [
    value,
    json,
    ...hexCases((upper) => asciiJson(json, upper)),
    ...urlForms(bytes),
    ...hexCases((upper) => cased(bytes.toString('hex'), upper)),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
    ...base64.flatMap((form) => urlForms(Buffer.from(form))),
  ];
}

/** What of a value's base64 is the same whatever stands around it, for each of the three places it may begin at. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** Besides letters and digits: what browsers, forms, strict and lenient encoders leave as it is. */
const leftAsTheyAre = ["-_.!~*'()", '-_.*', '-_.~', '-_.~/', "-_.!~*'();,/?:@&=+$#"] as const;

function urlForms(bytes: Buffer): string[] {
  return leftAsTheyAre.flatMap((left) =>
    hexCases((upper) => percentEncoded(bytes, left, upper)).flatMap((text) => [text, text.replaceAll('%20', '+')]),
  );
}

function percentEncoded(bytes: Buffer, left: string, upper: boolean): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    const isLeft = byte < 0x80 && (/[A-Za-z0-9]/.test(character) || left.includes(character));
    return isLeft ? character : `%${cased(byte.toString(16).padStart(2, '0'), upper)}`;
  }).join('');
}

/** JSON of encoders that write nothing but ASCII. */
function asciiJson(json: string, upper: boolean): string {
  return json.replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${cased(unit.charCodeAt(0).toString(16).padStart(4, '0'), upper)}`,
  );
}

/** The lines of a key file, which are printed one by one too, such as with a prefix. */
function keyLinesOf(value: string): string[] {
  return value.includes('\n') ? value.split(/\s+/).filter((line) => /^[A-Za-z0-9+/=_-]{32,}$/.test(line)) : [];
}

// After a backslash that belongs to something else, its first letter looks like an escape and is skipped.
function withoutEscapedStart(bytes: Buffer): Buffer[] {
  return /^[nr]/.test(bytes.toString('latin1', 0, 1)) ? [bytes, bytes.subarray(1)] : [bytes];
}

function piecesOf(bytes: Buffer): Buffer[] {
  if (bytes.length <= longestPatternBytes) return [bytes];
  const starts = Array.from({ length: Math.floor(bytes.length / pieceBytes) }, (_, index) => index * pieceBytes);
  return [...starts, bytes.length - pieceBytes].map((start) => bytes.subarray(start, start + pieceBytes));
}

function unique(all: readonly Buffer[]): Buffer[] {
  return [...new Map(all.map((bytes) => [bytes.toString('latin1'), bytes])).values()];
}

function hexCases(write: (upper: boolean) => string): string[] {
  return [write(false), write(true)];
}

function cased(hex: string, upper: boolean): string {
  return upper ? hex.toUpperCase() : hex;
}
