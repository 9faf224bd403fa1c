/** What the process answers with, the same for every command. */
export const exitCodes = { ok: 0, no: 1, usage: 2, undecided: 3, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Every code an `AppError` may carry, and the exit code a command ends with when nothing caught it. */
export const errorCodes = {
  // Bad input: the caller can fix it.
  usage: exitCodes.usage,
  'invalid-plan': exitCodes.usage,
  'invalid-config': exitCodes.usage,
  'invalid-input': exitCodes.usage,
  'run-exists': exitCodes.usage,
  'unknown-name': exitCodes.usage,
  'source-refused': exitCodes.usage,
  // The answer is no.
  'run-failed': exitCodes.no,
  'not-intact': exitCodes.no,
  'artifact-mismatch': exitCodes.no,
  'patch-conflict': exitCodes.no,
  refused: exitCodes.no,
  // It could not be decided or reached.
  'not-found': exitCodes.undecided,
  'not-ready': exitCodes.undecided,
  'no-trust': exitCodes.undecided,
  unauthenticated: exitCodes.undecided,
  'secret-missing': exitCodes.undecided,
  unreachable: exitCodes.undecided,
  'no-compute': exitCodes.undecided,
  'image-missing': exitCodes.undecided,
  'daemon-running': exitCodes.undecided,
  'state-corrupt': exitCodes.undecided,
  'state-newer': exitCodes.undecided,
  'state-older': exitCodes.undecided,
  'disk-full': exitCodes.undecided,
  'limit-exceeded': exitCodes.undecided,
  'too-many-requests': exitCodes.undecided,
  'task-conflict': exitCodes.undecided,
  internal: exitCodes.undecided,
  interrupted: exitCodes.interrupted,
} as const satisfies Record<string, ExitCode>;

export type ErrorCode = keyof typeof errorCodes;

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** What the reader should do next, one sentence or command. */
  readonly next?: string;
  /** How long until another try may help. */
  readonly retryAfterSeconds?: number;
}

/** The one error class of the product. Callers branch on `code`, never on the text. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.next = options.next;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get exitCode(): ExitCode {
    return errorCodes[this.code];
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The code of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
