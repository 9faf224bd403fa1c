import type { Duplex } from 'node:stream';
import { demultiplex } from './docker-stream.ts';
import { write } from './docker-terminal.ts';
import type { ByteStream } from './engine.ts';
import type { EngineProgram, SessionBytes } from './host-sessions.ts';

export interface ProgramWays extends Pick<EngineProgram, 'resize' | 'signal' | 'exit'> {
  readonly isTerminal: boolean;
  /** Whether its input ends with ours: that of a container is everybody's. */
  readonly endsInput: boolean;
  /** After its streams were let go of. */
  readonly hangUp: () => void;
}

/** A program by the connection that the engine gave us for it. */
export function programOf(stream: Duplex, ways: ProgramWays): EngineProgram {
  const { isTerminal, endsInput, resize, signal, exit, hangUp } = ways;
  return {
    isTerminal,
    output: sessionBytes(stream, isTerminal),
    write: async (input) => {
      if (stream.writable) await write(stream, input).catch(() => undefined);
    },
    endInput: async () => {
      if (endsInput) stream.end();
    },
    resize: async (size) => {
      if (isTerminal) await resize(size);
    },
    signal,
    exit,
    close() {
      stream.destroy();
      hangUp();
    },
  };
}

/** On a terminal an engine sends all output as it is, else in frames that name their channel. */
export function sessionBytes(bytes: ByteStream, isTerminal: boolean): AsyncGenerator<SessionBytes> {
  return isTerminal ? asOutput(bytes) : inChannels(bytes);
}

async function* asOutput(bytes: ByteStream): AsyncGenerator<SessionBytes> {
  for await (const chunk of bytes) yield { channel: 'output', bytes: chunk };
}

async function* inChannels(bytes: ByteStream): AsyncGenerator<SessionBytes> {
  for await (const { stream, bytes: chunk } of demultiplex(bytes))
    yield { channel: stream === 'stderr' ? 'error' : 'output', bytes: chunk };
}
