import type { Duplex } from 'node:stream';
import type { DockerConnection } from './docker-connection.ts';
import { engineError } from './docker-errors.ts';
import { demultiplex } from './docker-stream.ts';
import { write } from './docker-terminal.ts';
import type { ByteStream } from './engine.ts';
import type { EngineProgram, SessionBytes, SessionSize } from './host-sessions.ts';

export interface ProgramWays extends Pick<EngineProgram, 'signal' | 'exit'> {
  readonly connection: DockerConnection;
  /** What it does, as in "Cannot <action>". */
  readonly action: string;
  readonly isTerminal: boolean;
  /** Whether its input ends with ours: that of a container is everybody's. */
  readonly endsInput: boolean;
  readonly resize: (size: SessionSize, signal?: AbortSignal) => Promise<void>;
  /** Called once its streams were closed. */
  readonly hangUp: () => void;
}

export interface FirstSize {
  readonly terminal?: SessionSize | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Gives a program that was just opened the size of its viewer's terminal; closes it where the signal has aborted by then. */
export async function beginProgram(
  stream: Duplex,
  ways: ProgramWays,
  { terminal, signal }: FirstSize,
): Promise<EngineProgram> {
  const program = programOf(stream, ways);
  // It may have ended already, which its exit tells.
  if (ways.isTerminal && terminal !== undefined) await ways.resize(terminal, signal).catch(() => undefined);
  if (signal?.aborted) program.close();
  signal?.throwIfAborted();
  return program;
}

/** A program, over the connection that the engine opened for its streams. */
export function programOf(stream: Duplex, ways: ProgramWays): EngineProgram {
  const { isTerminal, endsInput, resize, signal, exit, hangUp } = ways;
  return {
    isTerminal,
    output: sessionBytes(received(stream, ways), isTerminal),
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

async function* received(stream: Duplex, { connection, action }: ProgramWays): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of stream) yield bytes;
  } catch (cause) {
    throw engineError(cause, { address: connection.address, action });
  }
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
