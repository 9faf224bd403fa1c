import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { connectDocker } from './docker-connection.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import { beginProgram, type ProgramWays } from './docker-session-program.ts';
import { resizeTerminal } from './docker-terminal.ts';

interface Faults {
  /** Whether it ever answers the call that starts a command. */
  readonly starts?: boolean;
  /** How often it breaks the connection before it says what became of a command. */
  readonly breaks?: number;
  /** Whether it ever says what became of a command. Default: it does. */
  readonly tells?: boolean;
  /** How long it leaves a new size without an answer. Default: for ever. */
  readonly answerMs?: number;
}

/** An engine that is away at the worst moment: a real one is so by chance only. */
async function anEngine(t: TestContext, { starts = true, breaks = 0, tells = true, answerMs = 60_000 }: Faults) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-away-'));
  const heard = { starts: 0, looks: 0, sizes: 0 };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://engine');
    if (pathname.endsWith('/resize')) {
      heard.sizes += 1;
      return;
    }
    if (pathname.endsWith('/json')) heard.looks += 1;
    if (pathname.endsWith('/json') && !tells) return;
    if (pathname.endsWith('/json') && heard.looks <= breaks) {
      request.socket.destroy();
      return;
    }
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ Id: 'e1', ContainerID: 'c1', Running: false, ExitCode: 0 }));
  });
  server.on('upgrade', (_request, socket) => {
    heard.starts += 1;
    if (starts) socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    t.after(() => socket.destroy());
  });
  const path = join(folder, 'socket');
  server.listen(path);
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });
  await waitUntil('the socket', () => server.listening);
  const target = { endpoint: { kind: 'unix', path, source: 'test' } } as const;
  const lines: string[] = [];
  const sessions = dockerHostSessions(target, { answerMs, log: (line) => lines.push(line) });
  return { connection: connectDocker(target, { answerMs }), sessions, heard, lines };
}

const request = { command: ['sleep', '100'], env: [], hasInput: false };

test('a command whose opening is given up is hung up: the engine may start it yet', async (t) => {
  const { sessions, heard, lines } = await anEngine(t, { starts: false });
  const enough = new AbortController();
  const opening = sessions.exec('any', { ...request, signal: enough.signal });
  await waitUntil('its start', () => heard.starts === 1);

  enough.abort(new Error('enough'));

  await assert.rejects(opening, /enough/);
  await sessions.close();
  assert.ok(heard.looks > 0);
  assert.deepEqual(lines, []);
});

test('a command that is let go of while its engine is away is hung up when that is back', async (t) => {
  const { sessions, heard, lines } = await anEngine(t, { breaks: 3 });
  const program = await sessions.exec('any', request);

  program.close();

  await waitUntil('the engine to be asked again', () => heard.looks > 3);
  await sessions.close();
  assert.deepEqual(lines, []);
});

test('an engine that hangs is waited for no longer than the end may take, and not asked on', async (t) => {
  const { sessions, heard, lines } = await anEngine(t, { tells: false });
  const program = await sessions.exec('any', request);
  program.close();
  await waitUntil('the engine to be asked', () => heard.looks === 1);

  await sessions.close(AbortSignal.timeout(50));

  await waitUntil('its end', () => lines.length > 0);
  assert.match(lines.join(), /its engine gives no answer/);
  assert.equal(heard.looks, 1);
});

test('a first size that the engine does not answer holds nobody who gives up', async (t) => {
  const { sessions, heard } = await anEngine(t, {});
  const enough = new AbortController();
  const terminal = { columns: 80, rows: 20 };
  const opening = sessions.exec('any', { ...request, terminal, signal: enough.signal });
  await waitUntil('the size', () => heard.sizes === 1);

  enough.abort(new Error('enough'));

  await assert.rejects(opening, /enough/);
  await sessions.close();
  assert.ok(heard.looks > 0, 'what was opened is not let go of');
});

test('a size is given once to an engine that hangs', async (t) => {
  const { connection, heard } = await anEngine(t, { answerMs: 100 });

  const isAway = (error: unknown) => isAppError(error, 'unreachable');
  await assert.rejects(resizeTerminal(connection, 'e1', { size: { w: 80, h: 20 } }), isAway);

  assert.deepEqual(heard, { starts: 0, looks: 0, sizes: 1 });
});

test('an engine that goes away amid the output is told as that, with what to do', async (t) => {
  const { connection } = await anEngine(t, {});
  const stream = new Duplex({ read: () => undefined });
  stream.on('error', () => undefined);
  const ways: ProgramWays = {
    ...{ connection, action: 'run "make"', isTerminal: true, endsInput: true },
    ...{ resize: async () => {}, signal: async () => {}, exit: async () => undefined, hangUp: () => {} },
  };
  const { output } = await beginProgram(stream, ways, {});

  stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));

  const reading = output[Symbol.asyncIterator]().next();
  await assert.rejects(reading, (error) => isAppError(error, 'unreachable') && Boolean(error.next));
});
