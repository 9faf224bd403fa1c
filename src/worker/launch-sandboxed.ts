import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { callFilter } from '../base/call-filter.ts';
import { isSameProcess, type ProcessIdentity, processIdentity } from '../base/process-identity.ts';
import { signalGroup } from '../base/process-sweep.ts';
import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { childExit, giveInput, pipeText } from './child-exit.ts';
import { readWatchReport, watchingCommand } from './launch-script.ts';
import type { Subagent, SubagentExit, SubagentProgram } from './subagent.ts';
import { untilEnded } from './sweep.ts';

/** Where the watching shell tells how the command went. */
const reportFile = 3;
/** Files of bubblewrap: its status, arguments that must not be seen in a process list, and the filter of system calls. */
const statusFile = 4;
const argumentsFile = 5;
const filterFile = 6;
/** The sandbox's init and the watching shell, besides the subagent's own processes. */
const ownProcesses = 3;

/** Starts the subagent inside bubblewrap, which is started as the subagent's user and outlives neither of us. */
export function launchSandboxed(place: WorkerPlace, sandbox: readonly string[], program: SubagentProgram): Subagent {
  const limits = { fileBytes: program.fileBytes, processes: program.processes + ownProcesses };
  const settings = settingsOf(program.env);
  const [file = '', ...fixed] = sandbox;
  const files = { '--json-status-fd': statusFile, '--args': argumentsFile, '--seccomp': filterFile };
  const extra = Object.entries(files).flatMap(([option, descriptor]) => [option, String(descriptor)]);
  const child = spawn(file, [...fixed, ...extra, '--', ...watchingCommand(limits, program.command)], {
    cwd: '/',
    // Bubblewrap itself runs outside: a loader variable of the task must not reach it.
    env: { PATH: '/usr/bin:/bin' },
    detached: true,
    stdio: [program.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    ...place.user,
  });
  giveInput(child.stdin, program);
  const pipes: ReadonlyArray<Readable | Writable | null | undefined> = child.stdio;
  send(pipes[argumentsFile] as Writable, settings.map((argument) => `${argument}\0`).join(''));
  send(pipes[filterFile] as Writable, callFilter());
  const report = pipeText(pipes[reportFile] as Readable);
  let init: ProcessIdentity | undefined;
  void pipeText(pipes[statusFile] as Readable, (text) => {
    init ??= initOf(text);
  });

  return {
    // Present: both were asked for as pipes.
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    exited: exitOf(childExit(child), report),
    terminate: () => {
      if (init && isSameProcess(init)) signalGroup(init.pid, 'SIGTERM');
    },
    killAll: async () => {
      child.kill('SIGKILL');
      // With its init every process of the namespace is killed; nothing inside can prevent or outrun that.
      if (init && isSameProcess(init)) signalGroup(init.pid, 'SIGKILL');
      if (init) await untilEnded(init);
    },
  };
}

async function exitOf(exit: ReturnType<typeof childExit>, report: Promise<string>): Promise<SubagentExit> {
  const ended = await exit;
  if (ended.startError !== undefined) return { ...ended, isOutOfProcesses: false };
  const { hasStarted, isOutOfProcesses } = readWatchReport(await report);
  return { ...ended, isOutOfProcesses, ...(!hasStarted && ended.exitCode !== 0 && { startError: 'sandbox' }) };
}

function settingsOf(env: Readonly<Record<string, string>>): string[] {
  const settings = Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
  // The one place where a NUL would become an option of the sandbox, such as another folder of the host.
  if (!settings.every(isProcessText))
    throw new AppError('invalid-input', 'Cannot set up the sandbox: a NUL in a variable');
  return ['--clearenv', ...settings];
}

function send(pipe: Writable, content: string | Buffer): void {
  // Bubblewrap may be gone before it has read it; its exit says so.
  pipe.on('error', () => {});
  pipe.end(content);
}

function initOf(statusText: string): ProcessIdentity | undefined {
  const pid = /"child-pid": (\d+)/.exec(statusText)?.[1];
  return pid === undefined ? undefined : processIdentity(Number(pid));
}
