import type { TerminalSize } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';

export interface Exit {
  /** 0 to 255. */
  readonly code: number;
  readonly signal?: string | undefined;
}

/** What a session is a session with: a command in a container, a log, a connection. It fails with AppErrors. */
export interface Source {
  /** Ends after all output. It is read with back-pressure: while nobody asks for more, it waits. */
  readonly output: AsyncIterable<LoggedBytes>;
  /** Resolves when it may take more. Fine after its end. */
  write(bytes: Uint8Array): Promise<void>;
  /** No input comes any more. */
  endInput(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  signal(name: string): Promise<void>;
  /** After all output; undefined of what has no exit code. */
  exit(): Promise<Exit | undefined>;
  /** Has it tell what is for a person. Default: it has nothing to tell. */
  onNotice?(tell: (text: string) => void): void;
  /** Lets go of it, whatever it does. */
  close(): void;
}
