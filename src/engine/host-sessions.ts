import type { Duplex } from 'node:stream';
import type { ByteStream } from './engine.ts';
import type { LogPosition } from './log-position.ts';

/** What a program or a log says, cut anywhere. */
export interface SessionBytes {
  readonly channel: 'output' | 'error';
  readonly bytes: Uint8Array;
}

export interface SessionExit {
  /** 0 to 255. */
  readonly code: number;
}

/** In characters. */
export interface SessionSize {
  readonly columns: number;
  readonly rows: number;
}

/** A program whose input and output are ours. */
export interface EngineProgram {
  /** Whether it has a terminal, for an attached container as its spec says. Then all its output is one channel. */
  readonly isTerminal: boolean;
  /** Waits while it is not read. */
  readonly output: AsyncIterable<SessionBytes>;
  /** Resolves when it may take more; after its end nothing happens. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  resize(size: SessionSize): Promise<void>;
  /**
   * `SIGINT`, `SIGTERM`, …: to the process group of a command, to the main program of a container. `invalid-input` for one that
   * is none, `not-ready` where the program cannot be reached. Fine when it has ended.
   */
  signal(name: string): Promise<void>;
  /** After all output; undefined where it goes on without us. */
  exit(): Promise<SessionExit | undefined>;
  /** Lets go of it. A command that still runs is hung up, as when a terminal is lost; a container goes on. */
  close(): void;
}

export interface ExecRequest {
  readonly command: readonly string[];
  /** Lines `NAME=value`. */
  readonly env: readonly string[];
  readonly user?: string | undefined;
  /** A folder in the container. */
  readonly workdir?: string | undefined;
  readonly hasInput: boolean;
  readonly terminal?: SessionSize | undefined;
  /** Counts until it runs. */
  readonly signal?: AbortSignal | undefined;
}

export type AttachRequest = Pick<ExecRequest, 'hasInput' | 'terminal' | 'signal'>;

export interface HostLogRequest {
  readonly follow: boolean;
  /** ISO 8601, to the nanosecond. */
  readonly since?: string | undefined;
  /** Of the last lines. */
  readonly tail?: number | undefined;
  /** Whether each line begins with its time. */
  readonly timestamps: boolean;
  /** Where an earlier reading of this log got to: it goes on there, and keeps the place. Default: from the beginning. */
  readonly position?: LogPosition | undefined;
  readonly signal: AbortSignal;
}

/**
 * What people do with a container that runs. `not-found` for none of that name, `task-conflict` for one that does not run. A
 * program that is not there ends with 126 or 127 and the engine's words as its output. So does one of a user that is not
 * there, or the engine refuses it: then `invalid-input` has the words.
 */
export interface HostSessions {
  exec(container: string, request: ExecRequest): Promise<EngineProgram>;
  /** To its main program. */
  attach(container: string, request: AttachRequest): Promise<EngineProgram>;
  readLog(container: string, request: HostLogRequest): AsyncIterable<SessionBytes>;
  /** A tar of a file or folder in the container. */
  readFiles(container: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Unpacks a tar into a folder of the container. */
  writeFiles(container: string, path: string, tar: ByteStream, signal: AbortSignal): Promise<void>;
  /**
   * A connection to a TCP port of the container, also to one that only its loopback has. `unreachable` where nothing listens. The
   * signal counts until it is open.
   */
  dial(container: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /** Once what was let go of is hung up, and nothing of ours is left on the engine; or once the signal aborts. */
  close(signal?: AbortSignal): Promise<void>;
}
