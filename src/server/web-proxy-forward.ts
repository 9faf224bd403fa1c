import { request as ask, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Admitted } from './web-proxy-entry.ts';
import { answerHeaders, flat, pairsOf, requestHeaders } from './web-proxy-headers.ts';
import { AnswerTimeout, sendFailure } from './web-proxy-page.ts';
import type { WebPool } from './web-proxy-pool.ts';
import type { SeenRequest } from './web-proxy-request.ts';

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly admitted: Admitted;
  readonly seen: SeenRequest;
  readonly pool: WebPool;
}

/** From the end of a request to the head of its answer. */
export const answerSeconds = 300;
/** Asked again they do no more than once. */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Passes a request on to a workspace and its answer back, both as they come. */
export function forward(forwarding: Forwarding, isAgain = false): void {
  const { request, response } = forwarding;
  let upstream: ClientRequest;
  try {
    upstream = start(forwarding, { isAlone: isAgain });
  } catch (error) {
    sendFailure(request, response, error);
    return;
  }
  sendBody(request, upstream);
  const patience = answerDeadline(upstream);
  response.once('close', () => {
    clearTimeout(patience.timer);
    if (!response.writableFinished) upstream.destroy();
  });
  upstream.on('continue', () => response.writeContinue());
  upstream.on('information', ({ statusCode, headers }) => {
    if (statusCode === 103 && headers['link'] !== undefined) response.writeEarlyHints({ link: headers['link'] });
    if (statusCode === 102) response.writeProcessing();
  });
  upstream.once('response', (answer) => {
    clearTimeout(patience.timer);
    void sendAnswer(answer, forwarding);
  });
  upstream.once('error', (error) => {
    clearTimeout(patience.timer);
    request.unpipe(upstream).resume();
    if (response.destroyed) return;
    if (upstream.reusedSocket && !patience.isOver && mayRepeat(forwarding)) forward(forwarding, true);
    else sendFailure(request, response, patience.isOver ? new AnswerTimeout(answerSeconds) : error);
  });
}

/** `isAlone`: over a connection of its own. `headers`: more of them, names and values in turn. */
export function start(
  { request, admitted, seen, pool }: Omit<Forwarding, 'response'>,
  { isAlone, headers: more = [] }: { readonly isAlone: boolean; readonly headers?: readonly string[] },
): ClientRequest {
  const headers = [...flat(requestHeaders(request, admitted, seen)), ...more];
  const way = isAlone ? { createConnection: () => pool.connect() } : { agent: pool.agent };
  // Of lines that end as those of a small program do. Nobody else's answers come over its connections, and each is framed anew.
  return ask({ ...way, method: request.method, path: admitted.path, headers, insecureHTTPParser: true });
}

/** An answer that is no longer wanted is cut off, and so is one that breaks off: its reader shall not take it to be whole. */
export async function sendAnswer(answer: IncomingMessage, forwarding: Omit<Forwarding, 'pool'>): Promise<void> {
  const { request, response } = forwarding;
  try {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, flat(answerHeaders(answer, forwarding)));
    // Of a stream of events the head is told before the first one.
    response.flushHeaders();
    await pipeline(answer, response, { end: false });
    if (answer.rawTrailers.length > 0) response.addTrailers([...pairsOf(answer.rawTrailers)] as [string, string][]);
    response.end();
  } catch (error) {
    answer.destroy();
    sendFailure(request, response, error);
  }
}

function sendBody(request: IncomingMessage, upstream: ClientRequest): void {
  request.pipe(upstream, { end: false });
  const end = () => {
    if (request.rawTrailers.length > 0) upstream.addTrailers([...pairsOf(request.rawTrailers)] as [string, string][]);
    upstream.end();
  };
  if (request.readableEnded) end();
  else request.once('end', end);
}

function answerDeadline(upstream: ClientRequest) {
  const patience: { timer: NodeJS.Timeout | undefined; isOver: boolean } = { timer: undefined, isOver: false };
  upstream.once('finish', () => {
    patience.timer = setTimeout(() => {
      patience.isOver = true;
      upstream.destroy(new AnswerTimeout(answerSeconds));
    }, answerSeconds * 1_000).unref();
  });
  return patience;
}

/** A connection that was kept may be closed by the workspace just when it is used again. */
function mayRepeat({ request, response }: Forwarding): boolean {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  return !response.headersSent && !hasBody && repeatable.has(request.method ?? '');
}
