import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, get } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { OpenableSpec, OpenedSource } from '../session/session-desk.ts';
import { hostProxy } from './host-proxy.ts';
import { aSessionPlace, declareWeb } from './session-place.suite.ts';

/** What listens in a workspace: a service of this machine, that says what it is sent once its caller has said all. */
async function aService(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    void text(socket).then(
      (said) => socket.end(`you said ${said}`),
      () => undefined,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** Ports of a workspace are those of this machine. */
function openPort(spec: OpenableSpec): OpenedSource {
  assert.ok(spec.kind === 'proxy');
  if (spec.port === 1)
    throw new AppError('unreachable', 'Cannot reach port 1 of workspace "web": nothing listens there');
  const socket = connect({ port: spec.port, host: '127.0.0.1', allowHalfOpen: true });
  async function* output(): AsyncGenerator<LoggedBytes> {
    for await (const bytes of socket) yield { channel: 'output', bytes };
  }
  return {
    isTerminal: false,
    readsOn: false,
    source: {
      output: output(),
      write: async (bytes) => void socket.write(bytes),
      endInput: async () => void socket.end(),
      resize: async () => {},
      signal: async () => {},
      exit: async () => undefined,
      close: () => void socket.destroy(),
    },
  };
}

async function aProxyPlace(t: TestContext) {
  const place = await aSessionPlace(t, openPort);
  await declareWeb(place.server);
  return place;
}

/** Before a server: it passes calls on, or leaves them without an answer, as it does all links. */
async function aFront(t: TestContext, to: string, answers: boolean) {
  let isSilent = false;
  const front = createHttpServer((asked, response) => {
    isSilent = !answers;
    if (isSilent) return;
    const { method = 'GET', headers, url = '/' } = asked;
    get(new URL(url, to), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
  });
  front.on('upgrade', (_, socket) => {
    isSilent = true;
    t.after(() => socket.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  t.after(() => {
    front.close();
    front.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`, isSilent: () => isSilent };
}

const said = async (port: number, words: string) => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(words);
  return await text(socket);
};

test('connections go to the port of the workspace and back, each half to its end, until Ctrl-C', async (t) => {
  const { type, host } = await aProxyPlace(t);
  const port = await aService(t);
  const stop = new AbortController();
  const done = type(hostProxy, ['box/web', `${port}:0`], { stop: stop.signal });
  const line = new RegExp(`^http://127\\.0\\.0\\.1:(\\d+) -> box/web:${port}\n$`);
  const [, local] = await waitUntil('its line', () => line.exec(done.printed.stdout));

  const answers = await Promise.all(['one', 'two'.repeat(100_000)].map((words) => said(Number(local), words)));
  assert.deepEqual(answers, ['you said one', `you said ${'two'.repeat(100_000)}`]);
  const idle = Array.from({ length: 20 }, () => connect(Number(local), '127.0.0.1').on('error', () => undefined));
  await waitUntil('their sessions', () => host.desk.list().length === idle.length);
  stop.abort('SIGINT');

  assert.equal((await done.ended).code, 130);
  await waitUntil('the end of their sessions', () => host.desk.list().length === 0);
  for (const socket of idle) socket.destroy();
});

test('a connection that is refused is told and reset, and others go on', async (t) => {
  const { type } = await aProxyPlace(t);
  const port = await aService(t);
  const stop = new AbortController();
  const done = type(hostProxy, ['box/web', '1:0', `${port}:0`], { stop: stop.signal });
  const lines = await waitUntil('its lines', () => /:(\d+) ->.*\n.*:(\d+) ->/.exec(done.printed.stdout));

  await assert.rejects(said(Number(lines[1]), 'x'), { code: 'ECONNRESET' });
  assert.match(
    done.printed.stderr,
    /^agora: connection of 127\.0\.0\.1:\d+ to port 1: Cannot reach port 1 .*listens there\n$/,
  );
  assert.equal(await said(Number(lines[2]), 'x'), 'you said x');
  stop.abort('SIGINT');
  await done.ended;
});

test('who listens for others is told, and an empty address is not all of them', async (t) => {
  const { type } = await aProxyPlace(t);
  const stop = new AbortController();
  const done = type(hostProxy, ['box/web', '80:0', '--listen', '0.0.0.0'], { stop: stop.signal });
  await waitUntil('what it tells', () => done.printed.stderr !== '');
  stop.abort('SIGINT');

  assert.match((await done.ended).stderr, /^agora: it listens on 0\.0\.0\.0: whoever reaches this machine there/);
  const { code, stderr } = await type(hostProxy, ['box/web', '80:0', '--listen', ''], { stop: stop.signal }).ended;
  assert.equal(code, 2);
  assert.match(stderr, /Cannot listen on "": it is no address/);
});

test('Ctrl-C while the server does not answer, or the link is made, ends it quietly', async (t) => {
  const { type, server } = await aProxyPlace(t);
  for (const answers of [false, true]) {
    const { url, isSilent } = await aFront(t, server.url, answers);
    const stop = new AbortController();
    const done = type(hostProxy, ['box/web', '80:0'], { stop: stop.signal, env: { AGORA_SERVER: url } });
    await waitUntil('what is not answered', isSilent);
    stop.abort('SIGINT');

    assert.deepEqual(await done.ended, { code: 130, stdout: '', stderr: '' });
  }
});

test('a local port that is taken, words that are no port and a workspace that is not there are told', async (t) => {
  const { type } = await aProxyPlace(t);
  const port = await aService(t);
  const problem = async (...typed: string[]) => (await type(hostProxy, typed).ended).stderr;

  assert.match(await problem('box/web', `80:${port}`), /Cannot listen on "127.0.0.1:\d+": it is taken\n.*80:0/);
  assert.match(
    await problem('box/web', '80', '--listen', '192.0.2.1'),
    /this machine has no such address\n {2}next: Name an address of this machine/,
  );
  for (const typed of ['0', 'http', '80:', '65536', '80:65536', '80:80:80', '']) {
    assert.match(await problem('box/web', typed), /it is not PORT or PORT:LOCAL/, typed);
  }
  assert.match(
    await problem('box/we', '80'),
    /Cannot find workspace "we": host "box" has web \(did you mean "web"\?\)/,
  );
});

test('an address for a browser is one of the server, and nothing listens here', async (t) => {
  const { type, server } = await aProxyPlace(t);

  const { code, stdout } = await type(hostProxy, ['box/web', '80', '--url']).ended;

  assert.equal(code, 0);
  assert.equal(new URL(stdout.trim()).port, new URL(server.url).port);
  assert.equal((await type(hostProxy, ['box/web', '80:81', '--url']).ended).code, 2);
});
