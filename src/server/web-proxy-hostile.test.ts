import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { opened, start, startWebPlace } from './suite-web-proxy.ts';

const most = 64 * 1024 * 1024;

const word = fc.string({ unit: 'binary-ascii', maxLength: 20 });
const status = fc.oneof(fc.integer({ min: 0, max: 999 }), fc.constantFrom(100, 101, 102, 103, 204, 304));
const statusLine = fc
  .tuple(fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/9', 'ICY'), status, word)
  .map(([version, code, reason]) => `${version} ${code} ${reason}\r\n`);
const header = fc.oneof(
  fc.tuple(fc.constantFrom('link', 'location', 'set-cookie', 'trailer', 'connection', 'x'), word),
  fc.constantFrom(
    ['link', 'nonsense'],
    ['link', '</a.css>; rel=preload, </b.css>; rel=preload'],
    ['upgrade', 'websocket'],
    ['connection', 'upgrade'],
    ['transfer-encoding', 'gzip, chunked'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '5'],
    ['content-length', '-1'],
    ['x', 'x'.repeat(20_000)],
  ),
  word.map((name) => [name, 'x']),
);
const head = fc
  .tuple(statusLine, fc.array(header, { maxLength: 6 }))
  .map(([line, headers]) => `${line}${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
const flood = fc
  .tuple(fc.constantFrom(100, 102, 103), fc.integer({ min: 1, max: 5_000 }))
  .map(([code, times]) => `HTTP/1.1 ${code} x\r\nlink: </a>; rel=preload\r\n\r\n`.repeat(times));
const headers = fc.integer({ min: 1, max: 20_000 }).map((times) => `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(times)}`);
/** What a workspace says; it ends the connection after it, in the middle or not. */
const saying = fc
  .tuple(fc.array(fc.oneof(head, flood, headers, word), { maxLength: 4 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([parts, share]) => {
    const whole = parts.join('');
    return share > 0.5 ? whole : whole.slice(0, Math.floor(whole.length * share * 2));
  });

test('whatever a workspace answers, the server goes on', { timeout: 120_000, skip: leftToNpmTest }, async (t) => {
  const place = await startWebPlace(t, { web: () => undefined });
  const { url, cookie } = await opened(await place.urlOf('web'));
  let said = '';
  place.programs.web.removeAllListeners('connection').on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(said, 'latin1'));
  });
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note).on('uncaughtException', note);
  t.after(() => process.off('unhandledRejection', note).off('uncaughtException', note));
  const { arrayBuffers } = process.memoryUsage();

  await fc.assert(
    fc.asyncProperty(saying, fc.constantFrom('GET', 'HEAD', 'POST', 'WebSocket'), async (answer, how) => {
      said = answer;
      await asked(url, cookie, how);

      assert.equal((await fetch(`${place.url}/healthz`)).status, 200);
      assert.deepEqual(unhandled, []);
    }),
    { numRuns: 300 },
  );

  const grown = process.memoryUsage().arrayBuffers - arrayBuffers;
  assert.ok(grown < most, `${grown} bytes are kept`);
});

/** Resolves once it is over, whatever it comes to. */
async function asked(url: URL, cookie: string, how: string): Promise<void> {
  const isUpgrade = how === 'WebSocket';
  const more = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  const request = start(url, { method: isUpgrade ? 'GET' : how, headers: { cookie, ...(isUpgrade && more) } });
  await new Promise<void>((resolve) => {
    request.once('close', resolve).on('error', () => undefined);
    request.on('response', (answer) => answer.on('error', () => undefined).resume());
    request.on('upgrade', (_answer, socket) =>
      socket
        .on('error', () => undefined)
        .once('close', resolve)
        .end(),
    );
    request.end();
  });
}
