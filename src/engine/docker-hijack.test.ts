import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { connectDocker, type DockerConnection } from './docker-connection.ts';
import { hijack } from './docker-hijack.ts';

const call = { action: 'attach to container "c"' };
const line = { path: '/containers/c/attach?stdin=1', hasInput: true };
const echo = (_: IncomingMessage, socket: Duplex) => {
  socket.on('error', () => undefined);
  socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  socket.pipe(socket);
};

test('the connection is ours both ways, and outlives the signal of its call', async (t) => {
  const caller = new AbortController();
  const connection = await anEngine(t, { upgrade: echo });

  const stream = await hijack(connection, { ...call, signal: caller.signal }, line);
  caller.abort();
  stream.end('hello');

  assert.equal(await text(stream), 'hello');
});

test('what leads to the engine and carries no input is told where input is wanted', async (t) => {
  const connection = await anEngine(t, { status: 200, body: 'said' });

  await assert.rejects(hijack(connection, call, line), (error) => {
    return (
      isAppError(error, 'unreachable') && /answered 200 where the engine says 101/.test(error.message) && !!error.next
    );
  });
  assert.equal(await text(await hijack(connection, call, { ...line, hasInput: false })), 'said');
});

test('a refusal has the words of the engine', async (t) => {
  const connection = await anEngine(t, { status: 409, body: '{"message":"it is paused\\r\\n"}' });

  await assert.rejects(hijack(connection, call, line), {
    code: 'task-conflict',
    message: 'Cannot attach to container "c": the engine says "it is paused" (409)',
  });
});

test('an engine that does not answer is let go of with the signal, and after its time', async (t) => {
  const caller = new AbortController();
  let open = 0;
  const upgrade = (_: IncomingMessage, socket: Duplex) => {
    open += 1;
    socket.on('error', () => undefined).on('close', () => (open -= 1));
    socket.on('end', () => socket.destroy()).resume();
  };
  const connection = await anEngine(t, { upgrade, answerMs: 200 });

  await assert.rejects(hijack(connection, call, line), (error) => isAppError(error, 'unreachable'));
  const waiting = hijack(connection, { ...call, signal: caller.signal }, line);
  caller.abort(new Error('enough'));

  await assert.rejects(waiting, /enough/);
  await waitUntil('no connection', () => open === 0);
});

interface Answer {
  readonly status?: number;
  readonly body?: string;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex) => void;
  readonly answerMs?: number;
}

/** One that answers everything alike. */
async function anEngine(
  t: TestContext,
  { status = 200, body = '', upgrade, answerMs = 10_000 }: Answer,
): Promise<DockerConnection> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  if (upgrade !== undefined) server.on('upgrade', upgrade);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const endpoint = {
    kind: 'tcp',
    host: '127.0.0.1',
    port: address.port,

    source: 'test',
  } as const;
  return connectDocker({ endpoint }, { answerMs });
}
