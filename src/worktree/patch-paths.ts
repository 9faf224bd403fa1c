import { AppError } from '../contracts/errors.ts';
import { isStateFolderName } from '../contracts/reserved-names.ts';
import { utf8TextOf } from './utf8.ts';

export interface PatchedFile {
  /** Undefined for a new file. */
  readonly oldPath: string | undefined;
  /** Undefined for a deleted file. */
  readonly newPath: string | undefined;
  /** Every name git could take from the header. */
  readonly paths: readonly string[];
  /** Every mode the header names, such as `100644`. */
  readonly modes: readonly string[];
  readonly hunks: readonly PatchHunk[];
}

export interface PatchHunk {
  /** First line it replaces. */
  readonly oldLine: number;
  /** As in the patch: `@@ -1,3 +1,4 @@ …`. */
  readonly header: string;
}

/** Paths a git patch touches, both sides of renames, sorted. Quoted names are decoded. */
export function patchPaths(patch: Uint8Array): string[] {
  const paths = new Set<string>();
  for (const file of parsePatch(patch)) for (const path of file.paths) paths.add(path);
  return [...paths].sort();
}

/**
 * The files of a git patch in its order. Anything outside of git's own form is refused with `invalid-input`, and so are
 * names that are not UTF-8, which would be other names when written, and those that are not the item's to change.
 */
export function parsePatch(patch: Uint8Array): PatchedFile[] {
  const lines = Buffer.from(patch.buffer, patch.byteOffset, patch.byteLength).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const files: PatchedFile[] = [];
  let at = 0;
  while (at < lines.length) {
    const [file, end] = parseFile(lines, at);
    files.push(file);
    at = end;
  }
  return files;
}

function parseFile(lines: readonly string[], start: number): [PatchedFile, number] {
  const both = diffPaths(lines[start] ?? '');
  if (both === undefined) throw malformed(start, 'a file header was expected');
  let { oldPath, newPath }: { oldPath: string | undefined; newPath: string | undefined } = both;
  const named = new Set<string>();
  const modes: string[] = [];
  const hunks: PatchHunk[] = [];
  let isBinary = false;
  let at = start + 1;
  for (let line = lines[at]; line !== undefined && !line.startsWith('diff --git '); line = lines[at]) {
    if (line.startsWith('@@ ')) {
      const hunk = parseHunk(line, at);
      hunks.push({ oldLine: hunk.oldLine, header: Buffer.from(line, 'latin1').toString('utf8') });
      at = hunkEnd(lines, at + 1, hunk);
      continue;
    }
    if (line === 'GIT binary patch') {
      at = binaryEnd(lines, at + 1);
      isBinary = true;
      continue;
    }
    const [, key, value] = headerPattern.exec(line) ?? [];
    // After content, git would take `---` for the start of a patch to another file.
    if (key === undefined || value === undefined || isBinary || hunks.length > 0) {
      throw malformed(at, 'an unknown header');
    }
    const name = nameIn(key, value);
    if (name !== undefined) named.add(name);
    if (key === 'rename from' || key === 'copy from') oldPath = name;
    if (key === 'rename to' || key === 'copy to') newPath = name;
    if (key === '---') oldPath = name;
    if (key === '+++') newPath = name;
    if (key === 'new file mode') oldPath = undefined;
    if (key === 'deleted file mode') newPath = undefined;
    if (key.endsWith('mode')) modes.push(value);
    if (key === 'index') modes.push(...(/ (\d+)$/.exec(value)?.slice(1) ?? []));
    at += 1;
  }
  const paths = named.size > 0 ? [...named] : [both.oldPath, both.newPath];
  refuseOutside([...paths, both.oldPath, both.newPath]);
  return [{ oldPath, newPath, paths, modes, hunks }, at];
}

function refuseOutside(paths: readonly string[]): void {
  const outside = paths.find((path) => path.split('/', 1)[0] === 'inputs' || path.split('/').some(isStateFolderName));
  if (outside === undefined) return;
  throw new AppError('invalid-input', `Cannot read the patch: "${outside}" is not a file that an item may change`);
}

function nameIn(key: string, value: string): string | undefined {
  if (/^(rename|copy) /.test(key)) return unquote(value);
  return (key === '---' || key === '+++') && value !== '/dev/null' ? withoutPrefix(value) : undefined;
}

const headerPattern =
  /^(old mode|new mode|new file mode|deleted file mode|similarity index|dissimilarity index|rename from|rename to|copy from|copy to|index|---|\+\+\+) (.*)$/s;

// `diff --git a/X b/X`: with one name on both sides, and without quotes, only the halves tell where it splits.
function diffPaths(line: string): { oldPath: string; newPath: string } | undefined {
  const rest = line.startsWith('diff --git ') ? line.slice('diff --git '.length) : '';
  const quoted = /^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*")$|^("(?:[^"\\]|\\.)*") (\S+)$/.exec(rest);
  const half = (rest.length - 1) / 2;
  const [left, right] =
    quoted === null ? [rest.slice(0, half), rest.slice(half + 1)] : [quoted[1] ?? quoted[3], quoted[2] ?? quoted[4]];
  if (left === undefined || right === undefined) return undefined;
  if (quoted === null && (rest[half] !== ' ' || left.slice(2) !== right.slice(2))) return unequalPaths(rest);
  return prefixed(left, right);
}

// A rename without quotes: the rename lines below say it again; a space before `b/` is good enough until then.
function unequalPaths(rest: string): { oldPath: string; newPath: string } | undefined {
  const at = rest.indexOf(' b/');
  return at < 0 ? undefined : prefixed(rest.slice(0, at), rest.slice(at + 1));
}

function prefixed(left: string, right: string): { oldPath: string; newPath: string } | undefined {
  const [oldPath, newPath] = [withoutPrefix(left), withoutPrefix(right)];
  return oldPath === undefined || newPath === undefined ? undefined : { oldPath, newPath };
}

function withoutPrefix(value: string): string | undefined {
  // Git ends an unquoted name that holds a space with a tab in `---` and `+++` lines.
  const path = rawUnquote(value.replace(/\t$/, ''));
  return /^[ab]\//.test(path) ? textOf(path.slice(2)) : undefined;
}

function parseHunk(line: string, at: number): { oldLine: number; oldCount: number; newCount: number } {
  const [, oldLine, oldCount = '1', newCount = '1'] = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line) ?? [];
  if (oldLine === undefined) throw malformed(at, 'a hunk header');
  return { oldLine: Number(oldLine), oldCount: Number(oldCount), newCount: Number(newCount) };
}

// Counted, not searched: a line of the content may look like a header.
function hunkEnd(lines: readonly string[], start: number, hunk: { oldCount: number; newCount: number }): number {
  let { oldCount, newCount } = hunk;
  let at = start;
  while (oldCount > 0 || newCount > 0) {
    const mark = lines[at]?.[0] ?? (at < lines.length ? ' ' : undefined);
    if (mark === undefined || !' +-\\'.includes(mark)) throw malformed(at, 'a hunk that ends early');
    if (mark === ' ' || mark === '-') oldCount -= 1;
    if (mark === ' ' || mark === '+') newCount -= 1;
    at += 1;
  }
  return lines[at]?.startsWith('\\') === true ? at + 1 : at;
}

// Only what belongs to binary content is passed over: after it, git would look for further patches.
function binaryEnd(lines: readonly string[], start: number): number {
  let at = start;
  while (at < lines.length && /^((literal|delta) \d+|[A-Za-z][!-~]+|)$/.test(lines[at] ?? '')) at += 1;
  return at;
}

function unquote(value: string): string {
  return textOf(rawUnquote(value));
}

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };

function rawUnquote(value: string): string {
  if (!value.startsWith('"') || !value.endsWith('"') || value.length < 2) return value;
  return value
    .slice(1, -1)
    .replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
      code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8) & 0xff) : (escapes[code] ?? code),
    );
}

function textOf(bytes: string): string {
  const text = utf8TextOf(Buffer.from(bytes, 'latin1'));
  if (text !== undefined) return text;
  throw new AppError('invalid-input', `Cannot read the patch: the name ${JSON.stringify(bytes)} is not UTF-8`);
}

function malformed(at: number, what: string): AppError {
  return new AppError('invalid-input', `Cannot read the patch: ${what} at line ${at + 1}`);
}
