import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import * as z from 'zod';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { RegistryLogin } from '../engine/host-engine.ts';

export interface HelperOptions {
  /** For the helper; it is found on its `PATH`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long it may take. Default: 10000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const defaults = { timeoutMs: 10_000 };
const mostBytes = 64 * 1024;
const namePattern = /^[\w][\w.-]{0,63}$/;

const credentialsSchema = z.object({ Username: z.string(), Secret: z.string().min(1) });
const listSchema = z.record(z.string(), z.string());
/** What helpers write in the place of a user name where the secret is a token. */
const tokenUser = '<token>';

/** What `docker-credential-<name>` keeps for a registry; undefined where it keeps nothing. Never part of what is raised. */
export async function loginFromHelper(
  name: string,
  registry: string,
  options: HelperOptions,
): Promise<RegistryLogin | undefined> {
  const said = await run({ name, verb: 'get', input: registry }, options);
  if (said === undefined) return undefined;
  const parsed = credentialsSchema.safeParse(said);
  if (!parsed.success) throw failed(name, 'get', 'what it said is no login');
  const { Username: username, Secret: password } = parsed.data;
  return username === tokenUser ? { identityToken: password } : { username, password };
}

/** The registries that it keeps something for, as they were written down. */
export async function registriesOfHelper(name: string, options: HelperOptions): Promise<string[]> {
  const parsed = listSchema.safeParse(await run({ name, verb: 'list', input: '' }, options));
  if (!parsed.success) throw failed(name, 'list', 'what it said is no list');
  return Object.keys(parsed.data);
}

interface Question {
  readonly name: string;
  readonly verb: 'get' | 'list';
  readonly input: string;
}

/** Undefined where it says that it has none. */
async function run({ name, verb, input }: Question, { env, ...options }: HelperOptions): Promise<unknown> {
  const { timeoutMs, signal } = { ...defaults, ...options };
  if (!namePattern.test(name)) throw failed(name, verb, 'no helper has such a name');
  signal?.throwIfAborted();
  // A group of its own: what it started ends with it.
  const child = spawn(`docker-credential-${name}`, [verb], {
    env: { ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const timer = setTimeout(() => end(child), timeoutMs);
  const giveUp = () => end(child);
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    child.stdin.on('error', () => undefined); // It need not read.
    child.stdin.end(input);
    const { text, code } = await answerOf(child);
    signal?.throwIfAborted();
    if (code === 0) return JSON.parse(text);
    if (/credentials not found/i.test(text)) return undefined;
    throw failed(name, verb, code === null ? `it was ended after ${timeoutMs / 1_000} s` : `it ended with ${code}`);
  } catch (cause) {
    if (isAppError(cause) || signal?.aborted === true) throw cause;
    if (cause instanceof SyntaxError) throw failed(name, verb, 'what it said is not JSON');
    throw failed(name, verb, systemErrorCode(cause) === 'ENOENT' ? 'there is none on the PATH' : 'it fails', cause);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

type Helper = ChildProcessByStdio<Writable, Readable, null>;

async function answerOf(child: Helper): Promise<{ readonly text: string; readonly code: number | null }> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= mostBytes) chunks.push(chunk);
    else end(child);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { text: Buffer.concat(chunks).toString('utf8'), code };
}

function end(child: Helper): void {
  child.stdout.destroy(); // Whoever left the group may hold it open.
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Without what it said, which may be a secret. */
function failed(name: string, verb: string, state: string, cause?: unknown): AppError {
  return new AppError('not-ready', `Cannot ask "docker-credential-${name} ${verb}": ${state}`, { cause });
}
