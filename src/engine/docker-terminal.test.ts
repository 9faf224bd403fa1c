import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import type { EngineTerminal } from './engine.ts';

interface Faults {
  /** How often a new size is refused before it is taken. */
  readonly refusals?: number;
  /** How often the program is said to run after its output has ended. */
  readonly lateLooks?: number;
}

/** A terminal of an engine under such load that it is late with everything: a real one is so by chance only. */
async function aTerminal(t: TestContext, { refusals = 0, lateLooks = 0 }: Faults) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-terminal-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const sizes: (string | null)[] = [];
  let looks = 0;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://engine');
    if (pathname.endsWith('/resize')) {
      sizes.push(searchParams.get('w'));
      response.writeHead(sizes.length > refusals ? 200 : 500, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const isRunning = sizes.length <= refusals || looks++ < lateLooks;
    const state = isRunning ? { Running: true, ExitCode: null } : { Running: false, ExitCode: 7 };
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ Id: 'e1', ...state }));
  });
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nbye');
  });
  const path = join(folder, 'socket');
  server.listen(path);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await waitUntil('the socket', () => server.listening);
  const engine = dockerEngine({ endpoint: { kind: 'unix', path, source: 'test' } });
  const spec = { command: ['sh'], user: '1:1', folder: '/', env: {}, columns: 101, rows: 33 };
  const terminal = await engine.openTerminal('any', spec);
  t.after(() => terminal.close());
  return { terminal, sizes };
}

async function shownOn({ output }: EngineTerminal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of output) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

test('a size that the engine refuses while it still starts the program is given again', async (t) => {
  const { sizes } = await aTerminal(t, { refusals: 2 });

  assert.deepEqual(sizes, ['101', '101', '101']);
});

test('a size that comes after the end is nobody’s fault', async (t) => {
  const { terminal, sizes } = await aTerminal(t, {});

  await terminal.resize(50, 20);

  assert.deepEqual(sizes, ['101', '50']);
});

test('the exit code is known although the engine hears of the end after the output has ended', async (t) => {
  const { terminal } = await aTerminal(t, { lateLooks: 2 });

  assert.equal(await shownOn(terminal), 'bye');
  assert.equal(await terminal.exitCode(), 7);
});

test('a program that goes on when its connection broke has no exit code', async (t) => {
  const { terminal } = await aTerminal(t, { lateLooks: 1_000 });

  await shownOn(terminal);

  await assert.rejects(terminal.exitCode(), (error) => isAppError(error, 'not-ready'));
});
