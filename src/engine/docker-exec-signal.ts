import { isSameProcess, processIdentity } from '../base/process-identity.ts';
import { AppError } from '../contracts/errors.ts';
import { isOfContainer, killGroup, pidInside, type SignalOutcome } from './container-process.ts';
import type { HelperSignals, SignalOrder } from './docker-session-signals.ts';
import { signalNamed } from './signal-name.ts';

/** A command that runs in a container. */
export interface RunningCommand extends Omit<SignalOrder, 'signal'> {
  /** What it does, as in "Cannot <action>". */
  readonly action: string;
  readonly hasEnded: () => Promise<boolean>;
}

export interface SignalWays {
  /** Where we are in a container, which does not see the host's processes. */
  readonly helperSignals: HelperSignals | undefined;
  /** Runs a command in the container as root, to its exit code. */
  readonly runInside: (container: string, command: readonly string[]) => Promise<number | undefined>;
}

const states = {
  'not-allowed': 'the agent is not root, and the container has no shell',
  'not-seen': "the agent does not see the processes of the engine's machine",
};

/** The API has no call for it: the process is signalled from where it can be seen. */
export async function signalCommand(running: RunningCommand, name: string, ways: SignalWays): Promise<void> {
  const { container, pid, toldAt, action, hasEnded } = running;
  const signal = signalNamed(name);
  const { helperSignals } = ways;
  const outcome = await (helperSignals === undefined
    ? signalFromHere(running, signal, ways)
    : helperSignals.send({ container, pid, toldAt, signal }));
  if (outcome === 'done' || outcome === 'ended' || (await hasEnded())) return;
  throw new AppError('not-ready', `Cannot send ${name} to what was told to ${action}: ${states[outcome]}`, {
    next: 'Run the command on a terminal (-it) and type the key, or end it from another session in the container.',
  });
}

async function signalFromHere(
  { container, pid, hasEnded }: RunningCommand,
  signal: NodeJS.Signals,
  { runInside }: Pick<SignalWays, 'runInside'>,
): Promise<SignalOutcome> {
  const process = processIdentity(pid);
  // Asked after its start was read: else the number may be another's by now.
  if (process === undefined || (await hasEnded())) return 'not-seen';
  if (!(await isOfContainer(pid, container)) || !isSameProcess(process)) return 'not-seen';
  const outcome = killGroup(pid, signal);
  const inner = outcome === 'not-allowed' ? await pidInside(pid) : undefined;
  if (inner === undefined || inner <= 1) return outcome;
  const code = await runInside(container.id, ['sh', '-c', `kill -${signal.slice(3)} -${inner}`]);
  return code === 0 || !isSameProcess(process) ? 'done' : outcome;
}
