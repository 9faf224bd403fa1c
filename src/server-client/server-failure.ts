import * as z from 'zod';
import { inertLine } from '../base/inert-line.ts';
import { AppError, type ErrorCode, errorCodes, systemErrorCode } from '../contracts/errors.ts';

/** The server at `url` did not answer, or not as one of ours. */
export function unreachableServer(url: string, state: string, cause?: unknown): AppError {
  return new AppError('unreachable', `Cannot reach the server "${url}": ${state}`, {
    cause,
    next: isUntrusted(cause)
      ? 'If you trust the authority of its certificate, name that in NODE_EXTRA_CA_CERTS.'
      : 'Check the address, and that `agora server` runs there.',
  });
}

const errorReplySchema = z.object({
  error: z.object({ code: z.string(), message: z.string().max(65_536), next: z.string().max(4_096).optional() }),
});

/** What a server of ours says in the body of a refusal; undefined where it is no such body. */
export function toldRefusal(body: unknown): AppError | undefined {
  const parsed = errorReplySchema.safeParse(body);
  if (!parsed.success) return undefined;
  const { code, message, next } = parsed.data.error;
  // Whatever answered may be no server of ours.
  return new AppError(
    isKnownCode(code) ? code : 'internal',
    inertLine(message),
    next === undefined ? {} : { next: inertLine(next) },
  );
}

/** Why a connection failed. `fetch` keeps the reason in the cause of its error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it did not answer in time';
  const cause = error.cause ?? error;
  if (systemErrorCode(cause) === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'it does not speak TLS, so it is http://…';
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error ? cause.message : error.message;
}

function isKnownCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

const untrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

function isUntrusted(error: unknown): boolean {
  return error instanceof Error && untrusted.includes(systemErrorCode(error.cause ?? error) ?? '');
}
