import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { get, opened, startWebPlace } from './suite-web-proxy.ts';

const timeout = 30_000;
const upgrading = ['connection: Upgrade', 'upgrade: websocket'];

/** A workspace that says to each who connects what the test does. */
async function aProgram(t: TestContext, speak: (socket: Socket) => void) {
  const place = await startWebPlace(t, { web: () => undefined });
  place.programs.web.removeAllListeners('connection').on('connection', (socket: Socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    speak(socket);
  });
  const { url, cookie } = await opened(await place.urlOf('web'));
  return {
    url,
    get: () => get(url, { headers: { cookie, connection: 'close' } }),
    /** What comes back for these header lines, until the connection ends. */
    raw: async (lines: readonly string[] = [], beforeReading = async () => {}) => {
      const socket = connect(Number(url.port), '127.0.0.1');
      t.after(() => socket.destroy());
      const head = ['GET / HTTP/1.1', `host: ${url.host}`, `cookie: ${cookie}`, ...lines, '', ''];
      socket.write(head.join('\r\n'));
      await beforeReading();
      return text(socket);
    },
    isWell: async () => (await get(new URL('/healthz', place.url))).status === 200,
  };
}

/** Says it once it is asked. */
function says(answer: string): (socket: Socket) => void {
  return (socket) => socket.once('data', () => socket.end(answer, 'latin1'));
}

const whole = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhere';

test('hints that are several links come through, and those that are none are left out', { timeout }, async (t) => {
  const several = await aProgram(
    t,
    says(`HTTP/1.1 103 x\r\nlink: </a>; rel=preload\r\nlink: </b>; rel=preload\r\n\r\n${whole}`),
  );
  const none = await aProgram(t, says(`HTTP/1.1 103 x\r\nlink: nonsense\r\n\r\n${whole}`));

  const hinted = await several.raw(['connection: close']);

  assert.match(hinted, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>; rel=preload, <\/b>; rel=preload\r\n/);
  assert.match(hinted, /here$/);
  assert.equal((await none.get()).text, 'here');
});

test('a reason that cannot be passed on is left out, also where a WebSocket is refused with it', {
  timeout,
}, async (t) => {
  const { get, raw } = await aProgram(t, says('HTTP/1.1 403 O\x01K\r\ncontent-length: 4\r\n\r\nhere'));

  const { status, text } = await get();

  assert.deepEqual([status, text], [403, 'here']);
  assert.match(await raw(upgrading), /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*here$/);
});

test('a header that cannot be passed on is told as no answer', { timeout }, async (t) => {
  const { get, raw } = await aProgram(t, says('HTTP/1.1 204 x\r\nx: O\x01K\r\n\r\n'));
  const switches = await aProgram(
    t,
    says('HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\nx: O\x01K\r\n\r\n'),
  );

  const { status, text } = await get();

  assert.equal(status, 502);
  assert.match(text, /does not speak HTTP/);
  assert.match(await raw(upgrading), /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*does not speak HTTP/);
  assert.match(await switches.raw(upgrading), /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*does not speak HTTP/);
});

test('who says without end that an answer is to come is cut off', { timeout }, async (t) => {
  for (const hint of [
    'HTTP/1.1 100 x\r\n\r\n',
    'HTTP/1.1 102 x\r\n\r\n',
    'HTTP/1.1 103 x\r\nlink: </a>; rel=x\r\n\r\n',
  ]) {
    const { raw } = await aProgram(t, (socket) => {
      const flood = () => {
        while (!socket.destroyed && socket.write(hint.repeat(1_000)));
      };
      socket.on('drain', flood).once('data', flood);
    });

    const told = await raw(['connection: close']);

    assert.match(told, /HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*says again and again/);
    assert.ok(told.length < 4_096, `${told.length} characters`);
  }
});

test('a protocol that nobody asked for is not switched to', { timeout }, async (t) => {
  const switches = await aProgram(t, says('HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'));
  const half = await aProgram(t, says('HTTP/1.1 101 x\r\n\r\n'));

  const { status, text } = await switches.get();

  assert.equal(status, 502);
  assert.match(text, /switched to another protocol/);
  assert.equal((await half.get()).status, 502);
});

test('a WebSocket that comes in a coding is refused, and nothing else comes of it', { timeout }, async (t) => {
  const { raw, isWell } = await aProgram(t, says(whole));

  assert.match(await raw([...upgrading, 'transfer-encoding: gzip, chunked']), /^HTTP\/1\.1 400 /);
  assert.ok(await isWell());
});

test('a WebSocket that is refused at length is refused to the last byte', { timeout }, async (t) => {
  const sizeBytes = 32 * 1024 * 1024;
  let [sentBytes, last] = [0, -1];
  const { raw } = await aProgram(t, (socket) => {
    const more = () => {
      while (sentBytes < sizeBytes) {
        sentBytes += 65_536;
        if (!socket.write(Buffer.alloc(65_536, 'x'))) return;
      }
      socket.end();
    };
    socket.once('data', () => {
      socket.write(`HTTP/1.1 403 x\r\ncontent-length: ${sizeBytes}\r\n\r\n`);
      socket.on('drain', more);
      more();
    });
  });
  const isFull = () => {
    const [before, now] = [last, sentBytes];
    last = now;
    return now > 0 && now === before;
  };

  const told = await raw(upgrading, async () => {
    await waitUntil('it to wait for who reads', isFull, { intervalMs: 200 });
  });

  assert.equal(told.length - told.indexOf('\r\n\r\n') - 4, sizeBytes);
});
