/** One entry of a tar, with everything that may differ between machines and moments left out. */
export type TarEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly isExecutable: boolean;
      readonly sizeBytes: number;
      readonly content: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const blockBytes = 512;
const chunkBytes = 256 * 1024;

/** A POSIX tar of the entries: same entries, same bytes. A file's content must be exactly as long as it says. */
export function writeTar(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  return gathered(tarBlocks(entries));
}

async function* tarBlocks(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield* headers(entry);
    if (entry.kind === 'file') {
      yield* entry.content;
      yield padding(entry.sizeBytes);
    }
  }
  yield Buffer.alloc(2 * blockBytes);
}

function* headers(entry: TarEntry): Generator<Uint8Array> {
  const records = extendedRecords(entry);
  if (records.length > 0) {
    yield header({ path: 'pax', target: '', type: 'x', mode: 0o644, sizeBytes: records.length });
    yield records;
    yield padding(records.length);
  }
  const fields =
    entry.kind === 'file'
      ? { target: '', type: '0', mode: entry.isExecutable ? 0o755 : 0o644, sizeBytes: entry.sizeBytes }
      : { target: entry.target, type: '2', mode: 0o777, sizeBytes: 0 };
  yield header({ path: entry.path, ...fields });
}

interface HeaderFields {
  readonly path: string;
  readonly target: string;
  readonly type: string;
  readonly mode: number;
  readonly sizeBytes: number;
}

const largestOctal = 0o77777777777;

function header({ path, target, type, mode, sizeBytes }: HeaderFields): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(path.slice(0, 100), 0, 100);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(Math.min(sizeBytes, largestOctal), 11), 124);
  block.write(octal(0, 11), 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(target.slice(0, 100), 157, 100);
  block.write('ustar\x0000', 257);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\0 `, 148);
  return block;
}

// Names longer than the header's fields, or not ASCII, go into an extended header, as POSIX says.
function extendedRecords(entry: TarEntry): Buffer {
  const records: string[] = [];
  if (!fits(entry.path)) records.push(record('path', entry.path));
  if (entry.kind === 'link' && !fits(entry.target)) records.push(record('linkpath', entry.target));
  if (entry.kind === 'file' && entry.sizeBytes > largestOctal) records.push(record('size', String(entry.sizeBytes)));
  return Buffer.from(records.join(''));
}

function fits(name: string): boolean {
  return name.length <= 100 && /^[\x20-\x7e]*$/.test(name);
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes;
  while (String(length).length + restBytes !== length) length = String(length).length + restBytes;
  return `${length}${rest}`;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes < chunkBytes) continue;
    yield Buffer.concat(held);
    held = [];
    heldBytes = 0;
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
