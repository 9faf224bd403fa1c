import type { Writable } from 'node:stream';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { Source } from '../session/source.ts';

/** What has neither input nor a terminal, and heeds no signal. */
export const takesNothing: Pick<Source, 'write' | 'endInput' | 'resize' | 'signal'> = {
  write: async () => {},
  endInput: async () => {},
  resize: async () => {},
  signal: async () => {},
};

/** A source that is only read; to close it aborts `ending`. */
export function readOnlySource(output: AsyncIterable<LoggedBytes>, ending: AbortController): Source {
  return { ...takesNothing, output, exit: async () => undefined, close: () => ending.abort() };
}

export async function* asOutput(parts: AsyncIterable<Uint8Array>): AsyncGenerator<LoggedBytes> {
  for await (const bytes of parts) yield { channel: 'output', bytes };
}

/** Resolves when it may take more; what it takes no more is told by its output. */
export async function writeTo(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (!stream.writable) return;
  await new Promise<void>((resolve) => {
    stream.write(bytes, () => resolve());
  });
}
