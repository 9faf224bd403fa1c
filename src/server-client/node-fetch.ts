import type { IncomingMessage, ProxyEnv } from 'node:http';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import type { Fetch, Reply } from './server-client.ts';

export interface NodeFetchOptions {
  /** Where proxies are named. Default: none is used. */
  readonly proxyEnv?: ProxyEnv | undefined;
}

/** As the global one, as far as a `ServerClient` uses it, in a process that should not have the 20 MB which that takes. */
export function nodeFetch({ proxyEnv }: NodeFetchOptions = {}): Fetch {
  // Not imported: that would read all they export, and of `node:http` one thing is part of the global one.
  const http = process.getBuiltinModule('node:http');
  const https = process.getBuiltinModule('node:https');
  const options = { keepAlive: true, proxyEnv };
  const plain = new http.Agent(options);
  const encrypted = new https.Agent(options);
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const failed = (cause: unknown) =>
        reject(signal.aborted ? signal.reason : new Error('Cannot fetch: no reply', { cause }));
      const answered = (answer: IncomingMessage) => {
        const { statusCode = 0 } = answer;
        if (statusCode < 300 || statusCode >= 400 || statusCode === 304) return resolve(replyOf(answer, statusCode));
        answer.destroy();
        failed(new Error(`it redirects to "${answer.headers.location ?? ''}"`));
      };
      const request = url.startsWith('https:')
        ? https.request(url, { method, headers, signal, agent: encrypted }, answered)
        : http.request(url, { method, headers, signal, agent: plain }, answered);
      request.on('error', failed);
      if (typeof body === 'string' || body === undefined) request.end(body);
      else pour(body, request, failed);
    });
}

function pour(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  request: NodeJS.WritableStream,
  failed: (cause: unknown) => void,
): void {
  const content = body instanceof Uint8Array ? Readable.from([body]) : Readable.from(body);
  content.on('error', failed).pipe(request);
}

function replyOf(answer: IncomingMessage, status: number): Reply {
  const hasBody = status !== 204 && status !== 304;
  // Read to its end, so that the connection serves the next request.
  if (!hasBody) answer.resume();
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: { get: (name) => headerOf(answer, name) },
    json: () => json(answer),
    body: hasBody ? Object.assign(answer, { cancel: async () => void answer.destroy() }) : null,
  };
}

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name.toLowerCase()];
  return (Array.isArray(value) ? value.join(', ') : value) ?? null;
}
