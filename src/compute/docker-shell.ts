import { isPlainPath } from '../base/file-pack.ts';
import { streamTar } from '../base/tar-writer.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { outNames, workerEnvironmentNames, workerPaths } from '../contracts/names.ts';
import type { Engine, EngineTerminal } from '../engine/engine.ts';
import type { Shell, ShellOptions, TaskHandle } from './compute.ts';

const subagent = '1000:1000';
/** What every subagent finds; nothing of this one's own variables and secrets. */
const environment = {
  [workerEnvironmentNames.input]: workerPaths.workerInput,
  [workerEnvironmentNames.outputDirectory]: workerPaths.outputs,
  HOME: '/tmp',
  LANG: 'C.UTF-8',
  TERM: 'xterm-256color',
  // The image's own, for the supervisor.
  NODE_COMPILE_CACHE: '',
} as const;
const command = ['/bin/sh', '-c', 'command -v bash >/dev/null 2>&1 && exec bash || exec sh'];
/** What a program ended by a signal answers, when it went away with its container. */
const endedWithTask = 128 + 9;

/** Opens a shell as the subagent's user in the worktree of a running container. */
export async function openDockerShell(engine: Engine, handle: TaskHandle, options: ShellOptions): Promise<Shell> {
  const state = await engine.inspectContainer(handle.providerId, options.signal);
  if (state?.status !== 'running') throw notRunning(handle);
  try {
    // First the note, then the shell: nobody can have been inside without a trace.
    await engine.putArchive(handle.providerId, workerPaths.out, noteTar(options), options.signal);
    const { columns, rows, signal } = options;
    const terminal = await engine.openTerminal(
      handle.providerId,
      {
        command,
        user: subagent,
        folder: workerPaths.workspace,
        env: { ...environment, [workerEnvironmentNames.dispatchId]: handle.dispatchId },
        columns,
        rows,
      },
      signal,
    );
    return shellOf(terminal, signal);
  } catch (error) {
    if (isAppError(error, 'not-found') || isAppError(error, 'task-conflict')) throw notRunning(handle);
    throw error;
  }
}

function shellOf(terminal: EngineTerminal, signal?: AbortSignal): Shell {
  const over = Promise.withResolvers<void>();
  const exited = over.promise.then(async () => (await terminal.exitCode()) ?? endedWithTask);
  exited.catch(() => undefined); // Whoever waits for it is told; nobody has to.
  const close = async () => {
    over.reject(new AppError('not-ready', 'Cannot say how the shell ended: it was left and goes on'));
    terminal.close();
  };
  signal?.addEventListener('abort', () => void close(), { once: true });
  const read = async function* () {
    try {
      yield* terminal.output;
    } catch {
      // The connection ended with the shell, its container or by our hand; how it ended is asked below.
    } finally {
      terminal.close();
      over.resolve();
    }
  };
  return {
    output: read(),
    write: (bytes) => terminal.write(bytes),
    resize: (columns, rows) => terminal.resize(columns, rows),
    exited,
    close,
  };
}

function noteTar({ note }: ShellOptions) {
  if (!isPlainPath(note.name) || note.name.includes('/'))
    throw new AppError('invalid-input', `Cannot open a shell: "${note.name}" is no name of a note`);
  return streamTar(async (tar) => {
    tar.entry({ name: outNames.shells, type: 'directory', mode: 0o700 });
    tar.entry({ name: `${outNames.shells}/${note.name}`, mode: 0o600 }, note.text);
  });
}

function notRunning({ dispatchId }: TaskHandle): AppError {
  return new AppError('not-found', `Cannot open a shell into "${dispatchId}": its worker does not run`);
}
