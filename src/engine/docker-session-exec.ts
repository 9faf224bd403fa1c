import * as z from 'zod';
import { retry } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import { type SignalWays, signalCommand } from './docker-exec-signal.ts';
import { hijack } from './docker-hijack.ts';
import { ask } from './docker-request.ts';
import { lookAtContainer, ofRunning } from './docker-session-container.ts';
import { programOf } from './docker-session-program.ts';
import { resizeTerminal } from './docker-terminal.ts';
import type { EngineProgram, ExecRequest, SessionExit, SessionSize } from './host-sessions.ts';

/**
 * In JSON only ASCII goes through, and an engine holds the first of these back until the next key comes: so it is one that
 * terminals hardly use, and the others nobody types after it by chance.
 */
const detachKeys = ['^', '@', '_', '^', '@', '_', '^', '@', '_', '^'].map((key) => `ctrl-${key}`).join(',');

const madeSchema = z.object({ Id: z.string() });
const execSchema = z.object({ Running: z.boolean(), ExitCode: z.int().nullish(), Pid: z.int().nullish() });

export interface ExecSettings {
  readonly connection: DockerConnection;
  readonly ways: Omit<SignalWays, 'runInside'>;
  /** Gets what goes on after its program was let go of. */
  readonly inBackground: (work: Promise<void>) => void;
}

export async function execProgram(
  settings: ExecSettings,
  container: string,
  request: ExecRequest,
): Promise<EngineProgram> {
  const { connection, inBackground } = settings;
  const { command, hasInput, terminal, signal } = request;
  const isTerminal = terminal !== undefined;
  const call = { action: `run "${command[0]}" in container "${container}"`, signal };
  const exec = new Exec(settings, { id: await create(connection, container, request), container, call: call.action });
  const line = { path: `/exec/${exec.id}/start`, body: { Detach: false, Tty: isTerminal }, hasInput };
  const stream = await ofRunning(hijack(connection, call, line)).catch((error: unknown) => {
    throw isAppError(error, 'internal') ? ofWhatWasAsked(error) : error;
  });
  // It may have ended already, which its exit tells.
  if (terminal !== undefined) await exec.resize(terminal).catch(() => undefined);
  return programOf(stream, {
    isTerminal,
    endsInput: true,
    resize: (size) => exec.resize(size),
    signal: (name) => exec.signal(name),
    exit: () => exec.exit(),
    hangUp: () => inBackground(exec.hangUp()),
  });
}

async function create(
  connection: DockerConnection,
  container: string,
  { command, env, user, workdir, hasInput, terminal, signal }: ExecRequest,
): Promise<string> {
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
  const call = { action: `run "${command[0]}" in container "${container}"`, signal };
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

/** What was not started yet does not run either, and has no exit code. */
function hasEnded({ Running, ExitCode }: z.infer<typeof execSchema>): boolean {
  return !Running && typeof ExitCode === 'number';
}

/** One command that an engine was told to run. */
class Exec {
  readonly id: string;
  readonly #settings: ExecSettings;
  readonly #container: string;
  readonly #action: string;
  readonly #closed = new AbortController();
  #isOver = false;

  constructor(settings: ExecSettings, { id, container, call }: { id: string; container: string; call: string }) {
    this.id = id;
    this.#settings = settings;
    this.#container = container;
    this.#action = call;
  }

  async resize(size: SessionSize): Promise<void> {
    await resizeTerminal(this.#settings.connection, this.id, { w: size.columns, h: size.rows });
  }

  async signal(name: string): Promise<void> {
    const { connection, ways } = this.#settings;
    const pid = await this.#pid();
    if (pid === undefined) return;
    const container = await lookAtContainer(connection, this.#container);
    const runInside = (inside: string, command: readonly string[]) => this.#runInside(inside, command);
    const running = { container, pid, action: this.#action };
    await signalCommand(running, name, { ...ways, runInside });
  }

  /** The engine hears of the end a moment after the output ended; a program may also close its output and go on. */
  async exit(): Promise<SessionExit | undefined> {
    const look = async () => {
      const found = await this.#look();
      if (found?.Running === true) throw new AppError('not-ready', `Cannot tell how "${this.#action}" ended: it runs`);
      return found;
    };
    const patience = { delayMs: 20, maxDelayMs: 1_000, isRetryable: isNotReady, signal: this.#closed.signal };
    const found = await retry(look, patience);
    this.#isOver = true;
    if (typeof found?.ExitCode === 'number') return { code: found.ExitCode & 0xff };
    throw new AppError(
      'not-found',
      `Cannot tell how it ended to ${this.#action}: the engine does not know it any more`,
      {
        next: 'The container was removed, or the engine was restarted, while it ran.',
      },
    );
  }

  /** What a program on a terminal hears when that is gone; one whose streams nobody has would go on unseen. */
  async hangUp(): Promise<void> {
    this.#closed.abort();
    if (!this.#isOver) await this.signal('SIGHUP');
  }

  /** An engine gives us the streams a moment before it starts the program, of which it knows this later; undefined once that ended. */
  async #pid(): Promise<number | undefined> {
    const look = async () => {
      const found = await this.#look();
      if (found === undefined || hasEnded(found)) return undefined;
      if (found.Running && found.Pid) return found.Pid;
      throw new AppError('not-ready', `Cannot signal what was told to ${this.#action}: the engine is starting it`, {
        next: 'Try again in a moment.',
      });
    };
    return await retry(look, { attempts: 8, delayMs: 20, isRetryable: isNotReady });
  }

  async #look() {
    const { connection } = this.#settings;
    const call = { action: 'ask how a command ended' };
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
