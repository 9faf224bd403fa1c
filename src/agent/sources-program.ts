import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { EngineProgram } from '../engine/host-sessions.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import type { Exit, Source } from '../session/source.ts';
import type { OpenSpec, SourcePlace } from './session-sources.ts';
import { containerOf, runningContainerOf } from './workspace-container.ts';

const lookMs = 15_000;

export async function openExec(spec: OpenSpec<'exec'>, place: SourcePlace, signal: AbortSignal): Promise<OpenedSource> {
  const { name } = runningContainerOf(await place.look(signal), spec.workspace);
  const { command, env, user, workdir, interactive: hasInput, terminal } = spec;
  const program = await place.sessions.exec(name, {
    ...{ command, env, user, workdir, hasInput, terminal, signal },
  });
  const isTerminal = terminal !== undefined;
  return { source: sourceOf(program, () => program.exit()), isTerminal, readsOn: isTerminal };
}

/** Its output is read on while nobody is there: a container must not wait for its viewers. */
export async function openAttach(
  spec: OpenSpec<'attach'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { workspace, interactive: hasInput, terminal } = spec;
  const container = runningContainerOf(await place.look(signal), workspace);
  const program = await place.sessions.attach(container.name, { hasInput, terminal, signal });
  const exit = () => exitOf(program, { container, workspace, place });
  return { source: sourceOf(program, exit), isTerminal: program.isTerminal, readsOn: true };
}

function sourceOf(program: EngineProgram, exit: Source['exit']): Source {
  return {
    output: program.output,
    write: (bytes) => program.write(bytes),
    endInput: () => program.endInput(),
    resize: (size) => program.resize(size),
    signal: (name) => program.signal(name),
    exit,
    close: () => program.close(),
  };
}

interface Attached {
  readonly container: ObservedContainer;
  readonly workspace: string;
  readonly place: SourcePlace;
}

/** How the container ended; raises why nobody can say, or why it is not the workspace's any more. */
async function exitOf(program: EngineProgram, { container, workspace, place }: Attached): Promise<Exit | undefined> {
  // First, so that a later look knows why it was running then. Of one that is gone nobody knows.
  const exit = await program.exit().catch(() => undefined);
  const seen = await place.look(withDeadline(lookMs));
  const own = seen.containers.find(({ id }) => id === container.id);
  const lost = (state: string, next: string) =>
    new AppError('unreachable', `Cannot stay attached to workspace "${workspace}": ${state}`, { next });
  if (own?.name === container.name) {
    if (exit !== undefined) return exit;
    const isRestarted = own.startedAt !== container.startedAt;
    throw lost(isRestarted ? 'its program ended, and was started again' : 'the engine broke the connection', again);
  }
  const isReplaced = own !== undefined || containerOf(seen, workspace) !== undefined;
  if (isReplaced) throw lost('an update replaced its container', again);
  throw lost('its container was removed', 'agora host status says what is declared now.');
}

const again = 'Attach again.';
