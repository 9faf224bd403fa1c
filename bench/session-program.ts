import type { EngineProgram } from '../src/engine/host-sessions.ts';
import type { Running } from './session-caller.ts';

/** A program that runs somewhere, the same to measure wherever that is. */
export interface Program {
  /** One part of what it says; undefined after all. */
  next(): Promise<Uint8Array | undefined>;
  write(text: string): Promise<void>;
  /** After all was read. */
  exit(): Promise<number | undefined>;
  /** Lets go of it. */
  close(): void;
}

export function programHere({ session, outcome, cancel }: Running): Program {
  const output = session.output()[Symbol.asyncIterator]();
  return {
    next: async () => (await output.next()).value?.bytes,
    write: (text) => session.write(Buffer.from(text)),
    exit: async () => {
      const ended = await outcome;
      return ended.kind === 'ended' ? ended.exit?.code : undefined;
    },
    close: cancel,
  };
}

export function programThere(program: EngineProgram): Program {
  const output = program.output[Symbol.asyncIterator]();
  return {
    next: async () => (await output.next()).value?.bytes,
    write: (text) => program.write(Buffer.from(text)),
    exit: async () => (await program.exit())?.code,
    close: () => program.close(),
  };
}

/** Reads to its end; the bytes that came. */
export async function readWhole(program: Program): Promise<number> {
  let sizeBytes = 0;
  for (let part = await program.next(); part !== undefined; part = await program.next()) sizeBytes += part.length;
  return sizeBytes;
}
