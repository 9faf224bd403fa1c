import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import { aProxyHost, type ProxyHost } from './proxy-host.suite.ts';
import { SessionDuplex } from './session-duplex.ts';

const timeout = 20_000;

/** A port of a workspace, and a way to connect to it. */
async function aPort(t: TestContext, serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  const host = aProxyHost(t, () => port);
  return { host, sockets, dial: () => dial(t, host) };
}

function dial(t: TestContext, host: ProxyHost, more: { readonly allowHalfOpen?: boolean } = {}): SessionDuplex {
  const duplex = new SessionDuplex({
    open: { host: 'box', session: { kind: 'proxy', workspace: 'web', port: 80 }, window: sessionLimits.windowBytes },
    connect: async () => host.connect(),
    ...more,
  });
  t.after(() => duplex.destroy());
  return duplex;
}

/** Until a count that has begun is the same in two looks. */
async function stillness(count: () => number): Promise<void> {
  let last = 0;
  const isStill = () => {
    const [before, now] = [last, count()];
    last = now;
    return now > 0 && now === before;
  };
  await waitUntil('the count to stand still', isStill, { intervalMs: 200 });
}

test('what is written after all was read arrives, to its end', { timeout }, async (t) => {
  const heard = Promise.withResolvers<string>();
  const { host } = await aPort(t, (socket) => {
    socket.end('bye');
    heard.resolve(text(socket));
  });
  const duplex = dial(t, host, { allowHalfOpen: true });

  assert.equal(await text(duplex), 'bye');
  for (let count = 0; count < 10; count += 1) duplex.write('late'.repeat(20_000));
  duplex.end('!');
  const said = await heard.promise;

  assert.equal(said.length, 800_001);
  assert.ok(said.endsWith('!'));
  if (!duplex.closed) await once(duplex, 'close');
});

test('what is written arrives, its end is passed on, and the answer comes after it', { timeout }, async (t) => {
  const { dial } = await aPort(t, (socket) => {
    void text(socket).then((asked) => socket.end(`you said ${asked}`));
  });
  const duplex = dial();

  duplex.end('hello');

  assert.equal(await text(duplex), 'you said hello');
});

test('who does not read stops who writes', { timeout }, async (t) => {
  let sentBytes = 0;
  const { dial } = await aPort(t, (socket) => {
    const more = () => {
      while (sentBytes < 64 * 1024 * 1024 && !socket.destroyed) {
        sentBytes += 65_536;
        if (!socket.write(Buffer.alloc(65_536))) return;
      }
    };
    socket.on('drain', more);
    more();
  });
  const duplex = dial();
  await once(duplex, 'readable');

  await stillness(() => sentBytes);

  // Buffers of the kernel on both sides of it, what is kept for a viewer that comes back, and the windows.
  assert.ok(sentBytes < 16 * 1024 * 1024, `${sentBytes} bytes were sent to nobody`);
});

test('who is not read from can write no more', { timeout }, async (t) => {
  const { dial } = await aPort(t, (socket) => socket.pause());
  const duplex = dial();
  let takenBytes = 0;
  const part = Buffer.alloc(65_536);
  const parts = function* () {
    for (; takenBytes < 64 * 1024 * 1024; takenBytes += part.length) yield part;
  };
  Readable.from(parts()).pipe(duplex);

  await stillness(() => takenBytes);

  assert.ok(takenBytes < 16 * 1024 * 1024, `${takenBytes} bytes were taken for nobody`);
});

test('to destroy it ends the connection', { timeout }, async (t) => {
  const { dial, sockets } = await aPort(t, (socket) => {
    socket.resume().write('first');
    socket.once('end', () => socket.end());
  });
  const duplex = dial();
  await once(duplex, 'readable');
  assert.equal(sockets.size, 1);

  duplex.destroy();

  await waitUntil('the connection to end', () => sockets.size === 0);
});

test('a port at which nothing listens is an error that says so', { timeout }, async (t) => {
  const host = aProxyHost(t, () => 1);
  const duplex = dial(t, host);

  const [error] = await once(duplex, 'error');

  assert.ok(isAppError(error, 'unreachable'));
  assert.match(error.message, /nothing listens there/);
});

test('a link that is lost between is not noticed', { timeout }, async (t) => {
  const { dial, host } = await aPort(t, (socket) => socket.on('data', (bytes) => socket.write(bytes)));
  const duplex = dial().setEncoding('utf8');
  duplex.write('before');
  assert.deepEqual(await once(duplex, 'data'), ['before']);

  host.cut();
  duplex.write('after');

  assert.deepEqual(await once(duplex, 'data'), ['after']);
  assert.equal(host.opened, 1);
});

test('it tells when it was idle for long', { timeout }, async (t) => {
  const { dial } = await aPort(t, (socket) => socket.on('data', (bytes) => socket.write(bytes)));
  const duplex = dial();

  duplex.setTimeout(50);

  await once(duplex, 'timeout');
});
