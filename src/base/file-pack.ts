import { AppError } from '../contracts/errors.ts';

/** A small file in memory, at a plain relative path. */
export interface PackedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const newline = 0x0a;

/** Files one after the other, behind a line that lists their paths and sizes. */
export function packFiles(files: readonly PackedFile[]): Buffer {
  const list = files.map(({ path, bytes }) => [path, bytes.length]);
  return Buffer.concat([Buffer.from(`${JSON.stringify(list)}\n`), ...files.map(({ bytes }) => bytes)]);
}

/** The files of a pack; `invalid-input` when it is not whole or a path is not plain. */
export function unpackFiles(pack: Uint8Array): PackedFile[] {
  const end = pack.indexOf(newline);
  if (end < 0) throw unusable('its list does not end');
  let at = end + 1;
  const files = readList(Buffer.from(pack.subarray(0, end)).toString('utf8')).map(([path, sizeBytes]) => {
    at += sizeBytes;
    return { path, bytes: pack.subarray(at - sizeBytes, at) };
  });
  if (at !== pack.length) throw unusable(`${pack.length} bytes instead of ${at}`);
  return files;
}

/** Whether a path stays below the folder it is put in. */
export function isPlainPath(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function readList(text: string): (readonly [string, number])[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw unusable('it has no list');
  return list.map((entry: unknown) => {
    const [path, sizeBytes]: unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof path !== 'string' || !isPlainPath(path)) throw unusable('a path is not plain');
    if (!Number.isSafeInteger(sizeBytes) || Number(sizeBytes) < 0) throw unusable('a size is none');
    return [path, Number(sizeBytes)] as const;
  });
}

function unusable(state: string): AppError {
  return new AppError('invalid-input', `Cannot unpack files: ${state}`);
}
