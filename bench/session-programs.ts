import { sleep } from '../src/base/deadline.ts';
import { AppError } from '../src/contracts/errors.ts';
import type { EngineProgram, HostSessions, SessionBytes } from '../src/engine/host-sessions.ts';
import { patternAt } from './session-pattern.ts';

/** What a scripted program says: the pattern of its seed. */
export interface Pouring {
  readonly seed: number;
  /** Then it ends with 0. Infinity: it does not. */
  readonly bytes: number;
  /** Infinity: as fast as it is read. */
  readonly bytesPerSecond: number;
  readonly chunkBytes: number;
}

/** The words of an exec that runs it. */
export function pour({ seed, bytes, bytesPerSecond, chunkBytes }: Pouring): string[] {
  return ['pour', ...[seed, bytes, bytesPerSecond, chunkBytes].map(String)];
}

/** The words of an exec that says what it is told. */
export const echo = ['echo'];

const interruptKey = 3;

/** In place of an engine: programs that cost next to nothing. All end with 130 at Ctrl-C. */
export const scriptedSessions: HostSessions = {
  exec: async (_container, { command }) => {
    const [name, ...words] = command;
    if (name === 'echo') return new Echo();
    const [seed = 0, bytes = 0, bytesPerSecond = 0, chunkBytes = 0] = words.map(Number);
    if (name === 'pour') return new Pour({ seed, bytes, bytesPerSecond, chunkBytes });
    throw new AppError('not-found', `Cannot run "${name}": there is no such program`);
  },
  attach: unscripted,
  readLog: unscripted,
  readFiles: unscripted,
  writeFiles: unscripted,
  dial: unscripted,
  close: async () => {},
};

function unscripted(container: string): never {
  throw new AppError('invalid-input', `Cannot do that in "${container}": only exec is scripted`);
}

abstract class ScriptedProgram implements EngineProgram {
  readonly isTerminal = true;
  readonly ending = new AbortController();
  #code = 0;

  abstract readonly output: AsyncIterable<SessionBytes>;

  async write(bytes: Uint8Array): Promise<void> {
    if (!bytes.includes(interruptKey)) return;
    this.#code = 130;
    this.ending.abort();
  }

  async endInput(): Promise<void> {
    // Of a terminal it has none.
  }

  async resize(): Promise<void> {
    // It has no lines.
  }

  async signal(): Promise<void> {
    this.ending.abort();
  }

  async exit() {
    return { code: this.#code };
  }

  close(): void {
    this.ending.abort();
  }
}

class Pour extends ScriptedProgram {
  readonly output: AsyncIterable<SessionBytes>;

  constructor(pouring: Pouring) {
    super();
    this.output = pouredOut(pouring, this.ending.signal);
  }
}

async function* pouredOut({ seed, bytes, bytesPerSecond, chunkBytes }: Pouring, ending: AbortSignal) {
  const startedAt = performance.now();
  // Programs that are started together do not speak together.
  const phaseMs = (1_000 * chunkBytes * ((seed % 97) / 97)) / bytesPerSecond;
  for (let offset = 0; offset < bytes && !ending.aborted; ) {
    const dueMs = startedAt + phaseMs + (1_000 * offset) / bytesPerSecond - performance.now();
    if (dueMs > 1) await sleep(dueMs, ending).catch(() => undefined); // It was told to end.
    const part = patternAt(seed, offset, Math.min(chunkBytes, bytes - offset));
    yield { channel: 'output', bytes: part } as const;
    offset += part.length;
  }
}

class Echo extends ScriptedProgram {
  readonly #waiting: Uint8Array[] = [];
  #wake = Promise.withResolvers<void>();
  readonly output: AsyncIterable<SessionBytes> = this.#echoed();

  constructor() {
    super();
    this.ending.signal.addEventListener('abort', () => this.#wake.resolve(), { once: true });
  }

  override async write(bytes: Uint8Array): Promise<void> {
    await super.write(bytes);
    this.#waiting.push(bytes);
    this.#wake.resolve();
  }

  async *#echoed(): AsyncGenerator<SessionBytes> {
    while (!this.ending.signal.aborted) {
      for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift())
        yield { channel: 'output', bytes };
      this.#wake = Promise.withResolvers();
      if (!this.ending.signal.aborted) await this.#wake.promise;
    }
  }
}
