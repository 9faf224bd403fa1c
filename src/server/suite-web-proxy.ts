import { once } from 'node:events';
import {
  request as ask,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { openPort } from '../session/proxy-host.suite.ts';
import type { FleetServerOptions } from './server-options.ts';
import { startServer, type TestServer } from './suite-server.ts';
import { startHost } from './suite-sessions.ts';

/** For tests: a server, a host `box`, and its workspaces `web` and `other`, each with one program at port 80. */
export async function startWebPlace(
  t: TestContext,
  {
    web,
    other = web,
    ...options
  }: { readonly web: RequestListener; readonly other?: RequestListener } & Partial<FleetServerOptions>,
) {
  const test = await startServer(t, options);
  const programs = { web: await serve(t, web), other: await serve(t, other) };
  let opened = 0;
  const portOf = (workspace: string, port: number) => {
    opened += 1;
    const program = workspace === 'web' ? programs.web : workspace === 'other' ? programs.other : undefined;
    return program === undefined || port !== 80 ? 1 : portOfServer(program);
  };
  const host = await startHost(t, test, { open: (spec) => openPort(spec, portOf) });
  return {
    ...test,
    host,
    programs,
    get opened() {
      return opened;
    },
    urlOf: (workspace: string, server = test.url) => urlOf(test, workspace, server),
  };
}

async function urlOf({ admin }: TestServer, workspace: string, server: string): Promise<URL> {
  const { url } = await admin.call('createProxyUrl', {
    params: { host: 'box' },
    body: { workspace, port: 80, server },
  });
  return new URL(url);
}

async function serve(t: TestContext, listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function portOfServer(server: Server): number {
  return (server.address() as AddressInfo).port; // It listens on TCP.
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Asks for an address as it is, whatever its name leads to elsewhere: the server is on this machine. */
export async function get(url: URL, asking: Asking = {}): Promise<Answer> {
  const request = start(url, asking);
  request.end(asking.body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: await text(answer) };
}

export function start(url: URL, { method = 'GET', headers = {} }: Asking = {}): ClientRequest {
  const path = `${url.pathname}${url.search}`;
  return ask({
    host: '127.0.0.1',
    port: url.port,
    method,
    path,
    headers: { host: url.host, ...headers },
    agent: false,
  });
}

/** The address and the cookie that a browser has after it opened an address with a ticket. */
export async function opened(url: URL): Promise<{ readonly url: URL; readonly cookie: string }> {
  const { headers } = await get(url);
  const [cookie = ''] = (headers['set-cookie']?.[0] ?? '').split(';');
  return { url: new URL(headers.location ?? '', url), cookie };
}
