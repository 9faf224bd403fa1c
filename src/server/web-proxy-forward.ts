import { request as ask, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { SeenRequest } from './seen-request.ts';
import type { Admitted } from './web-proxy-entry.ts';
import { answerHeaders, flat, pairsOf, requestHeaders } from './web-proxy-headers.ts';
import { AnswerTimeout, noAnswer, sendFailure } from './web-proxy-page.ts';
import { tooMany, type WebPool } from './web-proxy-pool.ts';

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly admitted: Admitted;
  readonly seen: SeenRequest;
  readonly pool: Pick<WebPool, 'agent' | 'connectAlone' | 'expectRoom'>;
}

/** How long a request waits for a connection that others use. */
const connectionSeconds = 60;
/** From the end of a request to the head of its answer. */
export const answerSeconds = 300;
/** Informational answers before one final: a program says 100 and 103 once or twice. */
const mostHints = 8;
/** The safe methods of RFC 9110, 9.2.1: asked twice they do no more than once. */
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
  let isOver = false;
  const finish = () => {
    isOver = true;
    stopWaiting();
    request.unpipe(upstream).resume();
    upstream.destroy();
  };
  const fail = (error: unknown) => {
    if (isOver) return;
    finish();
    if (!response.destroyed) sendFailure(request, response, error);
  };
  const stopWaiting = keepPatience(upstream, fail);
  response.once('close', () => {
    stopWaiting();
    if (!response.writableFinished) upstream.destroy();
  });
  passHints(upstream, response, fail);
  upstream.once('response', (answer) => {
    stopWaiting();
    void sendAnswer(answer, forwarding);
  });
  upstream.once('upgrade', (_answer, connection) => {
    connection.destroy();
    fail(noAnswer('what answers there switched to another protocol, which nobody asked for'));
  });
  upstream.on('error', (error) => {
    if (isOver || !upstream.reusedSocket || !mayRepeat(forwarding)) return fail(error);
    finish();
    forward(forwarding, true);
  });
}

/** `isAlone`: over a connection of its own. `headers`: more of them, names and values in turn. */
export function start(
  { request, admitted, seen, pool }: Omit<Forwarding, 'response'>,
  { isAlone, headers: more = [] }: { readonly isAlone: boolean; readonly headers?: readonly string[] },
): ClientRequest {
  const headers = [...flat(requestHeaders(request, admitted, seen)), ...more];
  if (!isAlone) pool.expectRoom();
  const way = isAlone ? { createConnection: () => pool.connectAlone() } : { agent: pool.agent };
  // Of lines that end as those of a small program do. Nobody else's answers come over its connections, and each is framed anew.
  return ask({ ...way, method: request.method, path: admitted.path, headers, insecureHTTPParser: true });
}

/** An answer that is no longer wanted is cut off, and so is one that breaks off: its reader shall not take it to be whole. */
export async function sendAnswer(answer: IncomingMessage, forwarding: Omit<Forwarding, 'pool'>): Promise<void> {
  const { request, response } = forwarding;
  try {
    const { statusCode = 0 } = answer;
    // One that is none before it: 101 without the rest of it.
    if (statusCode < 200) throw noAnswer('what answers there does not speak HTTP');
    response.writeHead(statusCode, flat(answerHeaders(answer, forwarding)));
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

/** What comes before an answer; a workspace that goes on with it has none. */
function passHints(upstream: ClientRequest, response: ServerResponse, fail: (error: unknown) => void): void {
  let count = 0;
  let isContinued = false;
  upstream.on('information', ({ statusCode, headers }) => {
    count += 1;
    if (count > mostHints) return fail(noAnswer('what answers there says again and again that it will'));
    if (response.headersSent) return;
    if (statusCode === 100 && !isContinued) {
      isContinued = true;
      response.writeContinue();
    }
    if (statusCode === 103) passLinks(response, headers['link']);
  });
}

function passLinks(response: ServerResponse, link: string | readonly string[] | undefined): void {
  const links = [link ?? []].flat().flatMap((value) => value.split(/,\s*(?=<)/));
  if (links.length === 0) return;
  try {
    response.writeEarlyHints({ link: links });
  } catch {
    // Node refuses what is no link: the answer itself does without.
  }
}

/** How long a connection is waited for, and then the head of an answer. What it gives ends that. */
function keepPatience(upstream: ClientRequest, fail: (error: unknown) => void): () => void {
  const busy = () => fail(tooMany(`all connections to it were in use for ${connectionSeconds} s`));
  let timer = setTimeout(busy, connectionSeconds * 1_000).unref();
  const connected = () => clearTimeout(timer);
  const wait = () => {
    timer = setTimeout(() => fail(new AnswerTimeout(answerSeconds)), answerSeconds * 1_000).unref();
  };
  upstream.once('socket', connected).once('finish', wait);
  return () => {
    upstream.off('finish', wait);
    clearTimeout(timer);
  };
}

/** A connection that was kept may be closed by the workspace just when it is used again. */
function mayRepeat({ request, response }: Forwarding): boolean {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  return !response.headersSent && !hasBody && repeatable.has(request.method ?? '');
}
