import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../base/deadline.ts';
import type { AppError } from '../contracts/errors.ts';
import { socketFolder } from './socket-folder.ts';
import { askOverSsh, saidBySsh, sshToRun, startSsh } from './ssh-process.ts';
import { type SshTarget, sshWords } from './ssh-target.ts';

/** Where commands run on a target, on a login that they share. */
export interface SshShell {
  readonly target: SshTarget;
  /** The words after `ssh` that run a command there. They log in anew where the server takes no more on that login. */
  words(command: string): string[];
  /** What a command prints there. Raises what keeps it from running. */
  ask(command: string, signal: AbortSignal): Promise<string>;
}

/** A login of our own. */
export interface SshConnection extends SshShell {
  /** Private; goes with the connection. */
  readonly folder: string;
  /** Resolves with why it ended; never rejects. */
  readonly ended: Promise<AppError>;
  /** Lets a socket of this machine lead to one of the target. Raises that it cannot be. */
  forward(from: string, to: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

const pauseMs = 10;
const ofItsOwn = ['-N', '-T', '-o', 'ControlMaster=yes', '-o', 'ControlPersist=no', '-o', 'StreamLocalBindMask=0177'];

/** Logs in. Raises what keeps us from it. */
export async function openConnection(target: SshTarget, signal: AbortSignal): Promise<SshConnection> {
  const folder = await socketFolder();
  const socket = join(folder, 'control');
  const control = ['-S', socket.replaceAll('%', '%%')];
  const child = startSsh(target, [...control, ...ofItsOwn], folder);
  let failure: AppError | undefined;
  void child.ended.then((error) => {
    failure = error;
  });
  try {
    while (!existsSync(socket)) {
      if (failure !== undefined) throw failure;
      await sleep(pauseMs, signal);
    }
  } catch (error) {
    child.end();
    await child.ended;
    throw error;
  }
  return {
    target,
    folder,
    ended: child.ended,
    words: (command) => [...control, ...sshToRun(target, command)],
    ask: (command, asked) => saidBySsh(target, [...control, ...sshToRun(target, command)], asked),
    async forward(from, to, asked) {
      // Without a configuration, whose own forwardings would be asked for as well.
      const words = ['-F', '/dev/null', ...control, '-O', 'forward', '-L', `${forwardWord(from)}:${forwardWord(to)}`];
      await saidBySsh(target, [...words, '--', target.host], asked);
    },
    close: child.end,
  };
}

/** On a login that a person has open and shares (`ControlMaster`); undefined where there is none. */
export async function sharedShell(target: SshTarget, signal: AbortSignal): Promise<SshShell | undefined> {
  try {
    await saidBySsh(target, ['-O', 'check', ...sshWords(target)], signal);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return {
    target,
    words: (command) => sshToRun(target, command),
    ask: (command, asked) => askOverSsh(target, command, asked),
  };
}

/** Ssh reads a colon as the end of a path, and a percent sign as the begin of a name of its own. */
function forwardWord(path: string): string {
  return path.replace(/[\\:]/g, '\\$&').replaceAll('%', '%%');
}
