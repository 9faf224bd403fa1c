import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, type ErrorCode, isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { ErrorReply } from '../contracts/route.ts';
import { statusOf } from './http-status.ts';
import { outwardError } from './outward-error.ts';

/** Of a proxy: what is behind it failed, not the server. */
const statuses: Partial<Record<ErrorCode, number>> = {
  unreachable: 502,
  'limit-exceeded': 503,
  interrupted: 503,
  internal: 502,
};
const headers = {
  'cache-control': 'no-store',
  'content-security-policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Says why a request was not passed on, or got no answer: to a browser as a page, to a program as JSON. */
export function sendFailure(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
  // Of an answer that has begun only its end can be told.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = isAppError(cause) ? outwardError(cause) : broken(cause);
  const isPage = request.headers.accept?.includes('text/html') === true;
  const body = isPage ? pageOf(error) : JSON.stringify(replyOf(error));
  const head: Record<string, string | number> = {
    ...headers,
    'content-type': `${isPage ? 'text/html' : 'application/json'}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    ...(error.retryAfterSeconds !== undefined && { 'retry-after': error.retryAfterSeconds }),
    // What it still sends is read by nobody.
    ...(!request.complete && { connection: 'close' }),
  };
  response.writeHead(isTimeout(cause) ? 504 : (statuses[error.code] ?? statusOf(error.code)), head);
  response.end(body);
}

/** The workspace took too long. */
export class AnswerTimeout extends AppError {
  constructor(seconds: number) {
    super('unreachable', `Cannot show this port: nothing was answered within ${seconds} s`, {
      next: 'See what the workspace does: agora host logs HOST/WORKSPACE',
    });
  }
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof AnswerTimeout;
}

function broken(cause: unknown): AppError {
  const isHttp = systemErrorCode(cause)?.startsWith('HPE_') !== true;
  const state = isHttp ? 'the connection ended before there was an answer' : 'what answers there does not speak HTTP';
  return new AppError('unreachable', `Cannot show this port: ${state}`, {
    next: 'See what the workspace does: agora host logs HOST/WORKSPACE',
    cause,
  });
}

function replyOf({ code, message, next }: AppError): ErrorReply {
  return { error: { code, message, ...(next !== undefined && { next }) } };
}

function pageOf({ message, next = '' }: AppError): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Agora</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 15vh auto; padding: 0 1em }</style>
<p><strong>${escaped(message)}</strong></p>
<p>${escaped(next)}</p>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
