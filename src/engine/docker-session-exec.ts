import * as z from 'zod';
import { type RetryOptions, retry } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { machineSeconds } from './container-process.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { httpStatus, orUndefined } from './docker-errors.ts';
import { type SignalWays, signalCommand } from './docker-exec-signal.ts';
import { hijack } from './docker-hijack.ts';
import { ask } from './docker-request.ts';
import { lookAtContainer, ofRunning } from './docker-session-container.ts';
import { beginProgram } from './docker-session-program.ts';
import { resizeTerminal } from './docker-terminal.ts';
import type { EngineProgram, ExecRequest, SessionExit, SessionSize } from './host-sessions.ts';

/**
 * In JSON only ASCII goes through, and an engine holds the first of these back until the next key comes: so it is one that
 * terminals hardly use, and the others nobody types after it by chance.
 */
const detachKeys = ['^', '@', '_', '^', '@', '_', '^', '@', '_', '^'].map((key) => `ctrl-${key}`).join(',');

/** For an engine that has taken a command and not started it yet. */
const brief: RetryOptions = { attempts: 8, delayMs: 20 };
/** Some minutes: an engine may be restarted while a command is let go of. */
const long: RetryOptions = { attempts: 60, delayMs: 20, maxDelayMs: 5_000 };

const madeSchema = z.object({ Id: z.string() });
const execSchema = z.object({
  Running: z.boolean(),
  ExitCode: z.int().nullish(),
  Pid: z.int().nullish(),
  ContainerID: z.string(),
});

export interface ExecSettings {
  readonly connection: DockerConnection;
  readonly ways: Omit<SignalWays, 'runInside'>;
  /** Runs what goes on after a program was let go of, until the signal at most. */
  readonly inBackground: (work: (signal: AbortSignal) => Promise<void>) => void;
}

export async function execProgram(
  settings: ExecSettings,
  container: string,
  request: ExecRequest,
): Promise<EngineProgram> {
  const { connection, inBackground } = settings;
  const { command, hasInput, terminal, signal } = request;
  const isTerminal = terminal !== undefined;
  const action = `run "${command[0]}" in container "${container}"`;
  const call = { action, signal };
  const exec = new Exec(settings, { id: await create(connection, call, { container, request }), action });
  const line = { path: `/exec/${exec.id}/start`, body: { Detach: false, Tty: isTerminal }, hasInput };
  const stream = await ofRunning(hijack(connection, call, line)).catch((error: unknown) => {
    // Unless the engine refused, it may start the program yet.
    if (!isAppError(error) || httpStatus(error.cause) === undefined) inBackground((until) => exec.hangUp(until));
    throw isAppError(error, 'internal') ? ofWhatWasAsked(error) : error;
  });
  const ways = {
    connection,
    action,
    isTerminal,
    endsInput: true,
    resize: (size: SessionSize, abort?: AbortSignal) => exec.resize(size, abort),
    signal: (name: string) => exec.signal(name),
    exit: () => exec.exit(),
    hangUp: () => inBackground((until) => exec.hangUp(until)),
  };
  return await beginProgram(stream, ways, { terminal, signal });
}

async function create(
  connection: DockerConnection,
  call: DockerCall,
  { container, request }: { readonly container: string; readonly request: ExecRequest },
): Promise<string> {
  const { command, env, user, workdir, hasInput, terminal } = request;
  const body = {
    Cmd: [...command],
    Env: [...env],
    ...(user !== undefined && { User: user }),
    ...(workdir !== undefined && { WorkingDir: workdir }),
    Tty: terminal !== undefined,
    AttachStdin: hasInput,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: detachKeys,
  };
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  return (await ofRunning(ask(connection, call, { method: 'POST', path, body, answer: madeSchema }))).Id;
}

/** Podman tells of a user that is not there as if it had failed itself. */
function ofWhatWasAsked(cause: AppError): AppError {
  return new AppError('invalid-input', cause.message, { cause });
}

function isNotReady(error: unknown): boolean {
  return isAppError(error, 'not-ready');
}

function isAway(error: unknown): boolean {
  return isAppError(error, 'unreachable');
}

/** A command that was not started yet is not running either, but has no exit code. */
function hasEnded({ Running, ExitCode }: z.infer<typeof execSchema>): boolean {
  return !Running && typeof ExitCode === 'number';
}

/** One command that an engine was told to run. */
class Exec {
  readonly id: string;
  readonly #settings: ExecSettings;
  readonly #action: string;
  readonly #closed = new AbortController();
  #isOver = false;

  constructor(settings: ExecSettings, { id, action }: { id: string; action: string }) {
    this.id = id;
    this.#settings = settings;
    this.#action = action;
  }

  async resize({ columns, rows }: SessionSize, signal?: AbortSignal): Promise<void> {
    await resizeTerminal(this.#settings.connection, this.id, { size: { w: columns, h: rows }, signal });
  }

  async signal(name: string, patience = brief): Promise<void> {
    const { connection, ways } = this.#settings;
    const found = await this.#running(patience);
    if (found === undefined) return;
    const toldAt = await machineSeconds();
    // By its id: an update may give its name to another.
    const container = await lookAtContainer(connection, found.containerId, patience.signal);
    const runInside = (inside: string, command: readonly string[]) => this.#runInside(inside, command);
    const hasEnded = async () => (await this.#running(patience)) === undefined;
    const running = { container, pid: found.pid, toldAt, action: this.#action, hasEnded };
    await signalCommand(running, name, { ...ways, runInside });
  }

  /** The engine hears of the end a moment after the output ended; a program may also close its output and go on. */
  async exit(): Promise<SessionExit | undefined> {
    const look = async () => {
      const found = await this.#look();
      if (found?.Running === true)
        throw new AppError('not-ready', `Cannot tell the exit of what was told to ${this.#action}: it runs`);
      return found;
    };
    const patience = { delayMs: 20, maxDelayMs: 1_000, isRetryable: isNotReady, signal: this.#closed.signal };
    const found = await retry(look, patience);
    this.#isOver = true;
    if (typeof found?.ExitCode === 'number') return { code: found.ExitCode & 0xff };
    throw new AppError(
      'not-found',
      `Cannot tell the exit of what was told to ${this.#action}: the engine does not know it any more`,
      {
        next: 'The container was removed, or the engine was restarted, while it ran.',
      },
    );
  }

  /** As when a terminal is lost. Without it a program whose streams nobody has would go on unseen. */
  async hangUp(signal: AbortSignal): Promise<void> {
    this.#closed.abort();
    if (this.#isOver) return;
    const patience = { ...long, signal };
    await retry(() => this.signal('SIGHUP', patience), { ...patience, isRetryable: isAway });
  }

  /** Undefined once it has ended. An engine hands over the streams a moment before it starts the program, so its pid comes later. */
  async #running(patience: RetryOptions): Promise<{ pid: number; containerId: string } | undefined> {
    const look = async () => {
      const found = await this.#look(patience.signal);
      if (found === undefined || hasEnded(found)) return undefined;
      if (found.Running && found.Pid) return { pid: found.Pid, containerId: found.ContainerID };
      throw new AppError('not-ready', `Cannot signal what was told to ${this.#action}: the engine is starting it`, {
        next: 'Try again in a moment.',
      });
    };
    return await retry(look, { ...patience, isRetryable: isNotReady });
  }

  async #look(signal?: AbortSignal) {
    const { connection } = this.#settings;
    const call = { action: 'ask how a command ended', signal };
    return await orUndefined(
      ask(connection, call, { method: 'GET', path: `/exec/${this.id}/json`, answer: execSchema }),
    );
  }

  async #runInside(container: string, command: readonly string[]): Promise<number | undefined> {
    const program = await execProgram(this.#settings, container, { command, env: [], user: '0:0', hasInput: false });
    try {
      for await (const _ of program.output); // To its end.
      return (await program.exit())?.code;
    } finally {
      program.close();
    }
  }
}
