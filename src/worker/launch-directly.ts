import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { signalGroup } from '../base/process-sweep.ts';
import { workerEnvironmentNames } from '../contracts/names.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { childExit, giveInput, pipeText } from './child-exit.ts';
import { containerCommand, readWatchReport, watchingCommand } from './launch-script.ts';
import type { Subagent, SubagentExit, SubagentProgram } from './subagent.ts';
import { killEverything, killTask, killUser } from './sweep.ts';

/** Starts the subagent as its user: in a container, or where there is no sandbox. */
export function launchDirectly(place: WorkerPlace, program: SubagentProgram): Subagent {
  const { user } = place;
  const limits = { fileBytes: program.fileBytes, ...(user && { processes: program.processes }) };
  const [file = '', ...shellArguments] = place.isContainer
    ? containerCommand(limits, program.command)
    : watchingCommand(limits, program.command);
  const child = spawn(file, shellArguments, {
    cwd: place.paths.workspace,
    env: { ...program.env },
    detached: true,
    stdio: [
      program.stdin === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      ...(place.isContainer ? [] : (['pipe'] as const)),
    ],
    ...user,
  });
  giveInput(child.stdin, program);
  const report = place.isContainer ? undefined : pipeText(child.stdio[3] as Readable);

  return {
    // Present: both were asked for as pipes.
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    exited: exitOf(childExit(child), report),
    terminate: () => child.pid && signalGroup(child.pid, 'SIGTERM'),
    killAll: async () => {
      if (child.pid) signalGroup(child.pid, 'SIGKILL');
      if (place.isContainer) await killEverything();
      else if (user) await killUser(user.uid);
      else await killTask(program.env[workerEnvironmentNames.dispatchId] ?? '');
    },
  };
}

async function exitOf(exit: ReturnType<typeof childExit>, report?: Promise<string>): Promise<SubagentExit> {
  const ended = await exit;
  if (ended.startError !== undefined || report === undefined) return { ...ended, isOutOfProcesses: false };
  return { ...ended, isOutOfProcesses: readWatchReport(await report).isOutOfProcesses };
}
