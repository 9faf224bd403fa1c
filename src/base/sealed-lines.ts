/** Begins every sealed line. */
export const sealedLineMark = '\u0001agora-sealed ';

/** Below the size at which engines break a line of a log. */
const chunkBytes = 9_000;
const linePattern = /^([\w-]{43}) (\d{1,6}) (\d{1,6}) ([\w-]*)$/;

/**
 * Bytes as the last lines of a log, that only who was told the key can have written. The lines carry the key itself: it
 * serves once, and who writes them sees to it that nobody else writes to the log any more. A code made with it would
 * prove no more and take a worker longer to load than its report to write.
 */
export function sealLines(bytes: Uint8Array, key: Uint8Array): string[] {
  const seal = sealOf(key);
  const count = Math.max(1, Math.ceil(bytes.length / chunkBytes));
  return Array.from({ length: count }, (_, index) => {
    const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    return `${sealedLineMark}${seal} ${index} ${count} ${Buffer.from(chunk).toString('base64url')}`;
  });
}

/** How many lines so many bytes take. */
export function sealedLineCount(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / chunkBytes));
}

/** The bytes whose lines end a log; undefined when they are not whole or somebody else's. */
export function openSealedLines(log: string, key: Uint8Array): Uint8Array | undefined {
  const lines = log.replace(/\n$/, '').split('\n').map(readLine);
  const last = lines.at(-1);
  if (last === undefined) return undefined;
  const own = lines.slice(-last.count);
  const isOwn = own.every((line, index) => line?.index === index && line.seal === sealOf(key));
  if (own.length !== last.count || !isOwn) return undefined;
  return Buffer.concat(own.map((line) => line?.bytes ?? Buffer.alloc(0)));
}

interface SealedLine {
  readonly seal: string;
  readonly index: number;
  readonly count: number;
  readonly bytes: Buffer;
}

function readLine(line: string): SealedLine | undefined {
  if (!line.startsWith(sealedLineMark)) return undefined;
  const [, seal = '', index, count, text = ''] = linePattern.exec(line.slice(sealedLineMark.length)) ?? [];
  if (seal === '') return undefined;
  return { seal, index: Number(index), count: Number(count), bytes: Buffer.from(text, 'base64url') };
}

function sealOf(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url');
}
