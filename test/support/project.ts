import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { stagingOf } from '../../src/compute/process-staging.ts';
import { packageRoot } from '../../src/config/package-root.ts';
import { stateFolderName, stateNames } from '../../src/contracts/names.ts';

/** Where a project's workers run: an engine that is there, or no engine at all. */
export type ProjectCompute = { readonly engine: string } | 'process';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
}

const patienceMs = 120_000;

/** A folder of its own with the CLI on PATH, used as a person would; everything it started ends with the test. */
export class Project {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #running = new Set<ChildProcess>();

  constructor(folder: string, compute: ProjectCompute) {
    this.folder = folder;
    this.env = {
      PATH: `${join(packageRoot, 'bin')}:${process.env['PATH']}`,
      HOME: folder,
      LANG: 'C.UTF-8',
      USER: 'tester',
      DOCKER_HOST: compute === 'process' ? 'unix:///nonexistent/docker.sock' : compute.engine,
    };
  }

  /** Runs `agora` with these words to its end. */
  agora(words: readonly string[], input?: string): Promise<Finished> {
    return this.start('agora', words, input).finished;
  }

  /** Runs a script as a person types it, in bash with job control. */
  shell(script: string): Promise<Finished> {
    return this.start('bash', ['-m', '-c', script]).finished;
  }

  /** Its input is the text, or what comes from somewhere. Default: none. */
  start(file: string, words: readonly string[], input?: string | Readable): Running {
    // A group of its own: ending it ends whatever it left in the background.
    const child = spawn(file, words, { cwd: this.folder, env: this.env, stdio: 'pipe', detached: true });
    this.#running.add(child);
    const collected = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      collected.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      collected.stderr += text;
    });
    child.stdin.on('error', () => undefined);
    if (input instanceof Readable) input.pipe(child.stdin);
    else child.stdin.end(input);
    const finished = new Promise<Finished>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.#running.delete(child);
        resolve({ code, signal, ...collected });
      });
    });
    return { child, finished, stdout: () => collected.stdout, stderr: () => collected.stderr };
  }

  /** Starts the daemon and resolves once it serves. */
  async serve(words: readonly string[] = []): Promise<Running> {
    const running = this.start('agora', ['orch', 'serve', ...words]);
    await waitUntil('the daemon', () => running.stderr().includes('serving ') || running.child.exitCode !== null, {
      timeoutMs: patienceMs,
    });
    return running;
  }

  /** A file of the project, as text. */
  read(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8');
  }

  async writePlan(plan: object, name = 'plan.json'): Promise<string> {
    await writeFile(join(this.folder, name), JSON.stringify(plan));
    return name;
  }

  /** Ends every process this project started, with its group. */
  async close(): Promise<void> {
    for (const child of this.#running) {
      if (child.pid !== undefined) endGroup(child.pid);
    }
    await waitUntil('the processes of a project to end', () => this.#running.size === 0);
    // Root's tasks lie outside the project, and a daemon that was killed takes nothing away.
    const { root } = stagingOf(join(this.folder, stateFolderName, stateNames.work, 'process'));
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A copy of the fan-out example, without its state. */
export async function exampleProject(t: TestContext, compute: ProjectCompute): Promise<Project> {
  const project = await emptyProject(t, compute);
  await cp(join(packageRoot, 'examples', 'offload-fanout'), project.folder, {
    recursive: true,
    filter: (path) => !path.includes('.agora'),
  });
  return project;
}

/** An empty folder. */
export async function emptyProject(t: Pick<TestContext, 'after'>, compute: ProjectCompute): Promise<Project> {
  const project = new Project(await mkdtemp(join(tmpdir(), 'agora-project-')), compute);
  t.after(() => project.close());
  return project;
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between the look and the signal.
  }
}
