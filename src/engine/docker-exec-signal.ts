import { AppError } from '../contracts/errors.ts';
import { isOfContainer, killGroup, pidInside } from './container-process.ts';
import type { SessionContainer } from './docker-session-container.ts';
import type { HostEngine } from './host-engine.ts';
import { commandOfMain, sessionHelperLabels } from './session-helper.ts';
import { signalNamed } from './signal-name.ts';

/** A command that runs in a container. */
export interface RunningCommand {
  readonly container: Pick<SessionContainer, 'id' | 'pid' | 'labels'>;
  /** As the engine's machine counts. */
  readonly pid: number;
  /** What it does, as in "Cannot <action>". */
  readonly action: string;
  readonly hasEnded: () => Promise<boolean>;
}

export interface SignalWays {
  readonly engine: Pick<HostEngine, 'runHelper'>;
  /** Of the container that we are in, which does not see the host's processes. */
  readonly ownImage: string | undefined;
  /** Runs a command in the container as root, to its exit code. */
  readonly runInside: (container: string, command: readonly string[]) => Promise<number | undefined>;
}

/** The API has no call for it: the process is signalled from where it can be seen. */
export async function signalCommand(running: RunningCommand, name: string, ways: SignalWays): Promise<void> {
  const signal = signalNamed(name);
  const { container, pid, action } = running;
  if (ways.ownImage !== undefined) return await signalFromHelper(running, signal, ways.ownImage, ways);
  const isSeen = await isOfContainer(pid, container);
  if (isSeen && killGroup(pid, signal) !== 'not-allowed') return;
  const inner = isSeen ? await pidInside(pid) : undefined;
  if (inner !== undefined && inner > 1) {
    const code = await ways.runInside(container.id, ['sh', '-c', `kill -${signal.slice(3)} -${inner}`]);
    if (code === 0 || !(await isOfContainer(pid, container))) return;
  }
  if (!isSeen && (await running.hasEnded())) return;
  throw new AppError('not-ready', `Cannot send ${name} to what was told to ${action}: ${why(isSeen)}`, {
    next: 'Run the command on a terminal (-it) and type the key, or end it from another session in the container.',
  });
}

function why(isSeen: boolean): string {
  return isSeen
    ? 'the agent is not root, and the container has no shell'
    : "the agent does not see the processes of the engine's machine";
}

async function signalFromHelper(
  { container, pid }: RunningCommand,
  signal: NodeJS.Signals,
  image: string,
  { engine }: SignalWays,
): Promise<void> {
  await engine.runHelper({
    image,
    command: [...commandOfMain('signal-main'), String(pid), container.id, String(container.pid), signal],
    labels: sessionHelperLabels(container.labels),
    binds: [],
    hostNamespaces: true,
  });
}
