import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { sleep, waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import type { Source } from '../session/source.ts';
import type { SourcePlace } from './session-sources.ts';
import { openProxy } from './sources-proxy.ts';

const labels = { [hostLabels.host]: 'h', [hostLabels.kind]: 'workspace', [hostLabels.name]: 'web' };
const container = { id: 'c', name: 'web', labels, status: 'running' } as unknown as ObservedContainer;

/** A connection to a service of this machine, as if it were one of a workspace. */
async function proxyTo(t: TestContext, serve: (socket: Socket) => void, recent = [container]): Promise<Source> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const dial: HostSessions['dial'] = async () => {
    const socket = connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const look: SourcePlace['look'] = async (_signal, maxAgeMs = 0) => ({
    ...{ containers: maxAgeMs === 0 ? [container] : recent, hostId: 'h', spec: undefined },
  });
  const place = { look, sessions: { dial } as HostSessions, ownLog: undefined };
  const opened = await openProxy({ kind: 'proxy', workspace: 'web', port: 80 }, place, t.signal);
  t.after(() => opened.source.close());
  return opened.source;
}

async function outputOf({ output }: Source): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of output) parts.push(bytes);
  return Buffer.concat(parts);
}

test('what is sent after the end of the input still arrives', async (t) => {
  const source = await proxyTo(t, async (socket) => socket.end(`got ${await text(socket)}`));

  await source.write(Buffer.from('a word'));
  await source.endInput();

  assert.equal((await outputOf(source)).toString(), 'got a word');
  assert.equal(await source.exit(), undefined);
});

test('a workspace that started a moment ago is reached', async (t) => {
  const ended = { ...container, status: 'exited' } as const;
  for (const recent of [[], [ended], [{ ...container, name: 'web.previous' }]]) {
    const source = await proxyTo(t, (socket) => socket.end('here'), recent);

    assert.equal((await outputOf(source)).toString(), 'here');
  }
});

test('input still arrives after the end of the output', async (t) => {
  const heard = Promise.withResolvers<string>();
  const source = await proxyTo(t, (socket) => {
    socket.end('bye');
    heard.resolve(text(socket));
  });

  assert.equal((await outputOf(source)).toString(), 'bye');
  await source.write(Buffer.from('late'));
  await source.endInput();

  assert.equal(await heard.promise, 'late');
});

test('a service that reads slowly slows down who writes', async (t) => {
  const source = await proxyTo(t, (socket) => void socket.pause());
  const most = 1_000;
  let written = 0;
  const writing = (async () => {
    for (; written < most; written += 1) await source.write(Buffer.alloc(65_536));
  })();

  await waitUntil('it to be full', async () => {
    const before = written;
    await sleep(100);
    return before === written;
  });

  assert.ok(written < most, 'all went in');
  source.close();
  await writing;
});

test('a connection that the service breaks is told so', async (t) => {
  const source = await proxyTo(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()));

  await source.write(Buffer.from('x'));

  await assert.rejects(outputOf(source), (error) => isAppError(error, 'unreachable') && /port 80/.test(error.message));
  await source.write(Buffer.from('too late'));
});
