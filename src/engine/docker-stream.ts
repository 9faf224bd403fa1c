import { refusal } from './docker-errors.ts';
import type { ByteStream, EngineLogChunk } from './engine.ts';

const headerBytes = 8;

/** Longer than any time an engine writes before a line. */
const longestTimeBytes = 64;
const space = 0x20;

/**
 * Splits the engine's multiplexed output (8 bytes of header, then the payload) without collecting a frame: a reader
 * that pauses holds up the engine, and a frame of any length costs no more memory than a chunk. `hasTimes`: each
 * payload begins with a time and a space.
 */
export async function* demultiplex(source: ByteStream, hasTimes = false): AsyncGenerator<EngineLogChunk> {
  let header = Buffer.alloc(0);
  let stream: EngineLogChunk['stream'] = 'stdout';
  let left = 0;
  let time: FrameTime | undefined;
  for await (const chunk of source) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (left > 0) {
        const payload = rest.subarray(0, left);
        left -= payload.length;
        rest = rest.subarray(payload.length);
        const bytes = time === undefined ? payload : time.strip(payload);
        if (bytes.length > 0) yield { stream, bytes, ...(time?.at !== undefined && { at: time.at }) };
        continue;
      }
      const missing = headerBytes - header.length;
      header = Buffer.concat([header, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (header.length < headerBytes) break;
      stream = header[0] === 2 ? 'stderr' : 'stdout';
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
      if (hasTimes) time = new FrameTime();
    }
  }
}

/** Takes the time off the front of one frame, which may come in pieces. */
class FrameTime {
  at: string | undefined;
  #isStripped = false;
  #pending = Buffer.alloc(0);

  strip(payload: Buffer): Buffer {
    if (this.#isStripped) return payload;
    this.#pending = Buffer.concat([this.#pending, payload]);
    const end = this.#pending.indexOf(space);
    if (end < 0 && this.#pending.length < longestTimeBytes) return Buffer.alloc(0);
    this.#isStripped = true;
    const time = new Date(this.#pending.subarray(0, Math.max(0, end)).toString('latin1'));
    if (Number.isNaN(time.getTime())) return this.#pending;
    this.at = time.toISOString();
    return this.#pending.subarray(end + 1);
  }
}

/** Reads the JSON lines of a build, pull or import; each says something, or why it failed. */
export async function followProgress(
  source: ByteStream,
  action: string,
  onProgress?: (line: string) => void,
): Promise<void> {
  for await (const message of jsonLines(source)) {
    if (typeof message['error'] === 'string') {
      throw refusal('internal', action, `"${message['error'].trim()}"`);
    }
    const text = message['stream'] ?? message['status'];
    if (typeof text === 'string' && text.trim() !== '') onProgress?.(text.trim());
  }
}

/** What is written one JSON object to a line. */
export async function* jsonLines(source: ByteStream): AsyncGenerator<Record<string, unknown>> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of source) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Record<string, unknown>;
  }
  if (pending.trim() !== '') yield JSON.parse(pending) as Record<string, unknown>;
}
