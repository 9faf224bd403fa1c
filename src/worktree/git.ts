import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { type GitFolder, gitEnvironment, gitOverrides } from './git-environment.ts';

export type { GitFolder } from './git-environment.ts';

export interface GitOptions {
  /** When reading it fails, so does the call, with that error. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Exit codes that are an answer rather than a failure, besides 0. Default: none. */
  readonly answers?: readonly number[];
  /** Refuse with `limit-exceeded` past this many bytes of output. Default: 256 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface GitOutput {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const defaults = { answers: [] as readonly number[], maxBytes: 256 * 1024 * 1024 } satisfies GitOptions;
const maxStderrCharacters = 64 * 1024;

/** Runs git, away from every configuration, hook and attribute that is not ours, and returns its whole output. */
export async function git(
  folder: GitFolder,
  gitArguments: readonly string[],
  options: GitOptions = {},
): Promise<GitOutput> {
  const running = startGit(folder, gitArguments, options);
  const chunks: Uint8Array[] = [];
  for await (const chunk of running.output()) chunks.push(chunk);
  return { ...(await running.ended), stdout: Buffer.concat(chunks) };
}

/** Streams git's output; fails at the end when git did. */
export async function* gitStream(
  folder: GitFolder,
  gitArguments: readonly string[],
  options: GitOptions = {},
): AsyncGenerator<Uint8Array> {
  const running = startGit(folder, gitArguments, options);
  yield* running.output();
  await running.ended;
}

interface RunningGit {
  output(): AsyncGenerator<Uint8Array>;
  readonly ended: Promise<Omit<GitOutput, 'stdout'>>;
}

function startGit(folder: GitFolder, gitArguments: readonly string[], options: GitOptions): RunningGit {
  const { answers, maxBytes } = { ...defaults, ...options };
  const child = spawnGit(folder, gitArguments, options.signal);
  const inputFailure = feed(child, options.input);
  const stderr = collectText(child.stderr);
  const ended = once(child, 'close').then(
    ([code, killedBy]) => {
      const exitCode = typeof code === 'number' ? code : -1;
      // Git takes input that broke off for all there is, and may be content with it.
      if (inputFailure() !== undefined) throw inputFailure();
      if (exitCode === 0 || answers.includes(exitCode)) return { exitCode, stderr: stderr() };
      options.signal?.throwIfAborted();
      throw (
        inputFailure() ??
        failure(gitArguments, typeof killedBy === 'string' ? killedBy : `exit code ${exitCode}`, stderr())
      );
    },
    (error: unknown) => {
      options.signal?.throwIfAborted();
      throw startFailure(error);
    },
  );
  ended.catch(() => {});
  async function* output(): AsyncGenerator<Uint8Array> {
    let sizeBytes = 0;
    try {
      for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) {
        sizeBytes += chunk.length;
        if (sizeBytes > maxBytes) throw tooMuch(gitArguments, maxBytes);
        yield chunk;
      }
    } finally {
      if (child.exitCode === null && child.stdout.readableEnded === false) child.kill('SIGKILL');
    }
  }
  return { output, ended };
}

/** Writes the input; the function it gives tells why that failed, unless git just did not want all of it. */
function feed(child: ReturnType<typeof spawnGit>, input: GitOptions['input']): () => unknown {
  let inputFailure: unknown;
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) {
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  } else {
    pipeline(input, child.stdin).catch((error: unknown) => {
      const code = systemErrorCode(error);
      if (code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE') return;
      inputFailure = error;
      child.kill('SIGKILL');
    });
  }
  return () => inputFailure;
}

/** Starts git with pipes. For a conversation; `git` and `gitStream` are for everything else. */
export function spawnGit(folder: GitFolder, gitArguments: readonly string[], signal?: AbortSignal) {
  return spawn('git', [...gitOverrides, ...gitArguments], {
    env: gitEnvironment(folder),
    cwd: folder.workTree ?? folder.gitDir ?? folder.directory,
    stdio: 'pipe',
    ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' as const }),
  });
}

function collectText(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (text.length < maxStderrCharacters) text += chunk.slice(0, maxStderrCharacters - text.length);
  });
  return () => text.trim();
}

function failure(gitArguments: readonly string[], state: string, stderr: string): AppError {
  const cause = new Error(stderr === '' ? 'git said nothing' : stderr);
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return new AppError('disk-full', `Cannot run "git ${commandOf(gitArguments)}": no space left on the disk`, {
      cause,
      next: 'Free space on the disk and try again.',
    });
  }
  return new AppError(
    'internal',
    `Cannot run "git ${commandOf(gitArguments)}": ${state}: ${cause.message.split('\n')[0]}`,
    {
      cause,
    },
  );
}

function startFailure(cause: unknown): AppError {
  if (systemErrorCode(cause) !== 'ENOENT') {
    return new AppError('internal', 'Cannot run "git": it did not start', { cause });
  }
  return new AppError('not-found', 'Cannot run "git": it is not installed, or its folder is gone', {
    cause,
    next: 'Install git and try again.',
  });
}

function tooMuch(gitArguments: readonly string[], maxBytes: number): AppError {
  return new AppError('limit-exceeded', `Cannot read "git ${commandOf(gitArguments)}": more than ${maxBytes} bytes`);
}

function commandOf(gitArguments: readonly string[]): string {
  return gitArguments.find((argument, index) => argument !== '-c' && gitArguments[index - 1] !== '-c') ?? '';
}
