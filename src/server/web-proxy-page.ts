import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
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

const seeLogs = 'See what the workspace does: agora host logs HOST/WORKSPACE';
/** What Node's parser does not understand, and what Node does not send. */
const notHttp = /^(HPE|ERR_INVALID|ERR_HTTP)_/;

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
  const status = isTimeout(cause) ? 504 : (statuses[error.code] ?? statusOf(error.code));
  // Said anew: another one may have been tried.
  response.writeHead(status, STATUS_CODES[status] ?? '', head);
  response.end(body);
}

/** The workspace took too long. */
export class AnswerTimeout extends AppError {
  constructor(seconds: number) {
    super('unreachable', `Cannot show this port: nothing was answered within ${seconds} s`, { next: seeLogs });
  }
}

/** The workspace answered what cannot be passed on. */
export function noAnswer(state: string): AppError {
  return new AppError('unreachable', `Cannot show this port: ${state}`, { next: seeLogs });
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof AnswerTimeout;
}

function broken(cause: unknown): AppError {
  const isHttp = !notHttp.test(systemErrorCode(cause) ?? '');
  return noAnswer(
    isHttp ? 'the connection ended before there was an answer' : 'what answers there does not speak HTTP',
  );
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
