import { formatDuration } from '../base/duration.ts';
import { AppError, type ErrorCode, isAppError, systemErrorCode } from '../contracts/errors.ts';

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid-input',
  404: 'not-found',
  409: 'task-conflict',
  503: 'unreachable',
};

/** What an engine says, with whatever status, when its disk is full. */
export const fullDisk = {
  words: /no space left on device|disk quota exceeded/i,
  code: 'disk-full',
  next: 'Free space where the engine keeps images and volumes, for example with `docker system prune` there.',
} as const;

/** Errors of the connection itself: nothing answered, or it broke. */
const connectionErrors: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'EACCES',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Of certificates and of the handshake that shows them. */
const tlsErrors = /CERT|^ERR_(SSL|TLS)|^EPROTO$|UNABLE_TO_|SIGNATURE/;

export interface EngineCall {
  readonly address: string;
  /** What was tried, as in "Cannot <action>". */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
  /** What a 404 means here. Default: `not-found`. */
  readonly missing?: ErrorCode;
  /** Set when the engine was given up after so long without an answer. */
  readonly silentMs?: number;
}

/** The error to throw for what a call to the engine rejected with. */
export function engineError(cause: unknown, call: EngineCall): unknown {
  if (call.signal?.aborted) return call.signal.reason;
  if (call.silentMs !== undefined) return silent(call, call.silentMs, cause);
  if (cause instanceof AppError) return cause;
  const status = httpStatus(cause);
  if (status !== undefined) {
    const code = status === 404 && call.missing ? call.missing : (codeOfStatus[status] ?? 'internal');
    return refusal(code, call.action, said(cause, status), cause);
  }
  const errno = systemErrorCode(cause);
  if (errno !== undefined && connectionErrors.has(errno)) return unreachable(errno, call, cause);
  if (errno !== undefined && tlsErrors.test(errno)) return untrusted(errno, call, cause);
  return new AppError('internal', `Cannot ${call.action}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}

/** An action that an engine refused with these words. A full disk has a code of its own, and a text that stays the same. */
export function refusal(code: ErrorCode, action: string, words: string, cause?: unknown): AppError {
  if (!fullDisk.words.test(words)) return new AppError(code, `Cannot ${action}: the engine says ${words}`, { cause });
  return new AppError(fullDisk.code, `Cannot ${action}: no space left on device where the engine keeps its data`, {
    cause: cause ?? new Error(words),
    next: fullDisk.next,
  });
}

/** Undefined when the engine has no such thing. */
export async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAppError(error, 'not-found')) return undefined;
    throw error;
  }
}

export function httpStatus(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

function unreachable(errno: string, { action, address }: EngineCall, cause: unknown): AppError {
  if (address.startsWith('ssh://')) {
    const next = `See which part of the way there does not hold: \`agora doctor --target ${address}\`.`;
    return new AppError('unreachable', `Cannot ${action}: the way to the engine at "${address}" broke (${errno})`, {
      cause,
      next,
    });
  }
  const next =
    errno === 'EACCES'
      ? 'Give this user access to the socket (on Debian: the group `docker`).'
      : 'Start the engine, or name another one in DOCKER_HOST.';
  return new AppError('unreachable', `Cannot ${action}: no engine answers at "${address}" (${errno})`, { cause, next });
}

function untrusted(errno: string, { action, address }: EngineCall, cause: unknown): AppError {
  const state = `the engine at "${address}" and we do not trust each other's certificates (${errno})`;
  return new AppError('refused', `Cannot ${action}: ${state}`, {
    cause,
    next: 'Compare with `docker --tlsverify version`: DOCKER_CERT_PATH holds ca.pem, cert.pem and key.pem for that engine.',
  });
}

function silent({ action, address }: EngineCall, silentMs: number, cause: unknown): AppError {
  const state = `the engine at "${address}" gave no answer for ${formatDuration(silentMs)}`;
  return new AppError('unreachable', `Cannot ${action}: ${state}`, {
    cause,
    next: 'Look whether the engine hangs, restart it, or name another one in DOCKER_HOST.',
  });
}

/** Its words come parsed, or, where the answer would have been a stream, in the client's own message. */
function said(cause: unknown, status: number): string {
  const body: unknown = cause instanceof Error && 'json' in cause ? cause.json : undefined;
  const parsed = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  const message = parsed ?? /^\(HTTP code \d+\) .*? - (.*\S)/s.exec(cause instanceof Error ? cause.message : '')?.[1];
  return typeof message === 'string' ? `"${message}" (${status})` : `${status}`;
}
