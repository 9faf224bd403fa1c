import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { type ProcessIdentity, processIdentity } from '../base/process-identity.ts';
import { signalGroup } from '../base/process-sweep.ts';
import { AppError } from '../contracts/errors.ts';
import type { TaskExit } from './compute.ts';
import type { WorkerProcess } from './process-adopted.ts';
import type { TaskFolder } from './process-folder.ts';

export interface WorkerStart {
  readonly node: string;
  /** The staged worker bundle. */
  readonly worker: string;
  readonly folder: TaskFolder;
  readonly secrets: Uint8Array;
}

/** A supervisor that is a child of this process and ends with it: its stdin stays open for that long. */
export class ProcessWorker implements WorkerProcess {
  readonly identity: ProcessIdentity;
  readonly exit: Promise<TaskExit>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  private constructor(child: ChildProcess, identity: ProcessIdentity, ended: Promise<TaskExit>) {
    this.#child = child;
    this.identity = identity;
    this.exit = ended.finally(() => {
      this.#hasEnded = true;
    });
  }

  static async start({ node, worker, folder, secrets }: WorkerStart): Promise<ProcessWorker> {
    const [stdout, stderr] = await Promise.all([open(folder.stdout, 'ax', 0o600), open(folder.stderr, 'ax', 0o600)]);
    try {
      const child = spawn(node, [worker, folder.place], {
        cwd: '/',
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
        // Its own group: Ctrl-C on the daemon's terminal is the daemon's to handle.
        detached: true,
        stdio: ['pipe', stdout.fd, stderr.fd],
      });
      await once(child, 'spawn');
      const ended = exitOf(child);
      send(child.stdin as Writable, secrets);
      return new ProcessWorker(child, identityOf(child), ended);
    } finally {
      await Promise.all([stdout.close(), stderr.close()]);
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Asks it to stop, and kills it after the grace; resolves once it has ended. */
  async stop(graceMs: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    // Its whole group: what it started must not go on as an orphan.
    const timer = setTimeout(() => signalGroup(this.identity.pid, 'SIGKILL'), graceMs);
    try {
      await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }
}

function send(stdin: Writable, secrets: Uint8Array): void {
  // It may end before it has read them; its exit says so.
  stdin.on('error', () => {});
  if (secrets.length > 0) stdin.write(secrets);
}

async function exitOf(child: ChildProcess): Promise<TaskExit> {
  const [exitCode, signal] = await once(child, 'exit');
  if (typeof exitCode === 'number') return { kind: 'exited', exitCode, isOutOfMemory: false };
  return { kind: 'lost', reason: `its supervisor was ended from outside (${signal})` };
}

function identityOf(child: ChildProcess): ProcessIdentity {
  const identity = child.pid === undefined ? undefined : processIdentity(child.pid);
  if (identity !== undefined) return identity;
  throw new AppError('no-compute', 'Cannot start a worker process: this system does not show it in /proc');
}
