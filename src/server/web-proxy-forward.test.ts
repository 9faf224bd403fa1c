import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { get, opened, start, startWebPlace } from './suite-web-proxy.ts';

const timeout = 20_000;

async function aPage(t: TestContext, web: Parameters<typeof startWebPlace>[1]['web']) {
  const place = await startWebPlace(t, { web });
  const { url, cookie } = await opened(await place.urlOf('web'));
  const headers = { cookie };
  return {
    place,
    url,
    headers,
    get: (path: string, asking = {}) => get(new URL(path, url), { headers, ...asking }),
  };
}

test('many requests share few connections, one after the other even one', { timeout }, async (t) => {
  const { place, get } = await aPage(t, (_request, response) => response.end('x'.repeat(10_000)));

  for (let count = 0; count < 20; count += 1) await get('/');
  assert.equal(place.opened, 1);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => get(`/${at}`)));

  assert.ok(answers.every(({ status, text }) => status === 200 && text.length === 10_000));
  assert.ok(place.opened <= 16, `${place.opened} sessions`);
});

test('what a workspace is told of a request is what the browser said of it, and whence it came', {
  timeout,
}, async (t) => {
  const { url, headers } = await aPage(t, (request, response) => response.end(JSON.stringify(request.rawHeaders)));

  const { text } = await get(url, {
    headers: {
      ...headers,
      cookie: `theme=dark; ${headers.cookie}; other=1`,
      authorization: 'Basic c2VjcmV0',
      connection: 'keep-alive, x-mine',
      'x-mine': 'of this connection',
      'x-forwarded-for': '8.8.8.8',
      'x-forwarded-proto': 'https',
      te: 'trailers',
      'proxy-authorization': 'Basic c2VjcmV0',
    },
  });

  const flat: string[] = JSON.parse(text);
  const told = flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []));
  assert.deepEqual(told, [
    `host: ${url.host}`,
    'cookie: theme=dark; other=1',
    'authorization: Basic c2VjcmV0',
    'x-forwarded-for: 127.0.0.1',
    `x-forwarded-host: ${url.host}`,
    'x-forwarded-proto: http',
    'via: 1.1 agora',
    'Connection: keep-alive',
  ]);
});

test('bodies go both ways as they come, with what follows them', { timeout }, async (t) => {
  const { url, headers } = await aPage(t, async (request, response) => {
    response.writeHead(201, { trailer: 'x-sum' });
    for await (const part of request) response.write(`got ${part};`);
    response.addTrailers({ 'x-sum': String(request.trailers['x-count']) });
    response.end();
  });
  const request = start(url, {
    method: 'POST',
    headers: { ...headers, trailer: 'x-count', 'transfer-encoding': 'chunked' },
  });
  request.write('one');
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');

  assert.deepEqual(await once(answer, 'data'), ['got one;']);
  request.write('two');
  assert.deepEqual(await once(answer, 'data'), ['got two;']);
  request.addTrailers({ 'x-count': '2' });
  request.end();
  await once(answer.resume(), 'end');

  assert.equal(answer.statusCode, 201);
  assert.deepEqual({ ...answer.trailers }, { 'x-sum': '2' });
});

test('a HEAD, an answer without a body, a request of length 0', { timeout }, async (t) => {
  const { get } = await aPage(t, (request, response) => {
    if (request.url === '/none') response.writeHead(204).end();
    else
      response
        .writeHead(200, { 'content-length': 12, 'x-length': request.headers['content-length'] ?? '' })
        .end('twelve bytes');
  });

  const head = await get('/', { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '12', '']);
  assert.equal((await get('/none')).status, 204);
  assert.equal((await get('/', { method: 'POST' })).headers['x-length'], '0');
});

test('who asks first whether a body is wanted is told by the workspace', { timeout }, async (t) => {
  const { url, headers, place } = await aPage(t, () => undefined);
  place.programs.web.on('checkContinue', (request, response) => {
    if (request.headers['x-large'] === '1') {
      response.writeHead(417, { connection: 'close' }).end();
      return;
    }
    response.writeContinue();
    void text(request).then((body) => response.end(body));
  });

  const small = start(url, { method: 'PUT', headers: { ...headers, expect: '100-continue' } });
  small.flushHeaders();
  await once(small, 'continue');
  small.end('now');
  const [taken] = (await once(small, 'response')) as [IncomingMessage];
  const large = start(url, { method: 'PUT', headers: { ...headers, expect: '100-continue', 'x-large': '1' } });
  large.on('error', () => undefined);
  large.flushHeaders();
  const [refused] = (await once(large, 'response')) as [IncomingMessage];

  assert.equal(await text(taken), 'now');
  assert.equal(refused.statusCode, 417);
});

test('hints come before the answer, and events as they happen', { timeout }, async (t) => {
  const { url, headers } = await aPage(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
  });
  const request = start(url, { headers });
  const hinted = once(request, 'information');
  const answered = once(request, 'response');
  request.end();

  assert.equal((await hinted)[0].headers.link, '</a.css>; rel=preload');
  const [answer] = (await answered) as [IncomingMessage];
  assert.deepEqual(await once(answer.setEncoding('utf8'), 'data'), ['data: first\n\n']);
  request.destroy();
});

test('a download that nobody reads stops at its source, and one that is given up ends there', {
  timeout,
}, async (t) => {
  let [sentBytes, isGone] = [0, false];
  const { url, headers } = await aPage(t, (_request, response) => {
    const more = () => {
      while (!response.destroyed && sentBytes < 256 * 1024 * 1024) {
        sentBytes += 65_536;
        if (!response.write(Buffer.alloc(65_536))) return;
      }
    };
    response.on('drain', more).on('close', () => {
      isGone = true;
    });
    more();
  });
  const request = start(url, { headers });
  request.on('error', () => undefined).end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];

  answer.pause();
  let last = 0;
  const isStill = () => {
    const [before, now] = [last, sentBytes];
    last = now;
    return now === before;
  };
  await waitUntil('the download to stop', isStill, { intervalMs: 200 });
  assert.ok(sentBytes < 32 * 1024 * 1024, `${sentBytes} bytes were sent to nobody`);
  request.destroy();

  await waitUntil('the workspace to see that', () => isGone);
});

test('a connection that the workspace closed meanwhile is not what a page sees', { timeout }, async (t) => {
  const sockets: Socket[] = [];
  const { get, place } = await aPage(t, (request, response) => {
    sockets.push(request.socket);
    response.end('here');
  });
  await get('/');

  // Before its end can have come to the server.
  const again = get('/');
  sockets[0]?.destroy();

  assert.equal((await again).text, 'here');
  assert.ok(place.opened <= 2);
});

test('what does not answer is told as a page for people and as JSON for programs', { timeout }, async (t) => {
  const { place, get: getHere } = await aPage(t, (request) => void request.socket.destroy());
  const page = await getHere('/', {
    headers: { accept: 'text/html', cookie: (await opened(await place.urlOf('web'))).cookie },
  });

  assert.equal(page.status, 502);
  assert.match(page.text, /the connection ended before there was an answer/);
  const { url, cookie } = await opened(await place.urlOf('missing'));
  const refused = await get(url, { headers: { cookie } });
  assert.equal(refused.status, 502);
  assert.match(JSON.parse(refused.text).error.message, /nothing listens there/);
});

test('what answers in another language is no answer', { timeout }, async (t) => {
  const { get, place } = await aPage(t, () => undefined);
  place.programs.web.removeAllListeners('connection').on('connection', (socket: Socket) => socket.end('220 mail\r\n'));

  const { status, text } = await get('/');

  assert.equal(status, 502);
  assert.match(text, /does not speak HTTP/);
});

test('a small program may end its lines as it likes, and its answer with the connection', { timeout }, async (t) => {
  const { get, place } = await aPage(t, () => undefined);
  const answer = 'HTTP/1.0 200 OK\ncontent-type: text/plain\n\nhello';
  place.programs.web.removeAllListeners('connection').on('connection', (socket: Socket) => socket.end(answer));

  assert.equal((await get('/')).text, 'hello');
});

test('an answer that breaks off is cut off for its reader too', { timeout }, async (t) => {
  const { url, headers } = await aPage(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.destroy());
  });
  const request = start(url, { headers });
  request.end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];

  await assert.rejects(text(answer));
});

test('a host that is away is told as that, and as soon as it is back its pages are', { timeout }, async (t) => {
  const { get, place } = await aPage(t, (_request, response) => response.end('here'));
  place.host.socket.terminate();
  await waitUntil('the server to see that', async () => {
    const { host } = await place.admin.call('getHost', { params: { host: 'box' } });
    return !host.link.hasSocket;
  });

  const away = await get('/');
  await place.host.connect();
  const back = await get('/');

  assert.equal(away.status, 503);
  assert.match(away.text, /its agent has no link to the server for now/);
  assert.equal(back.text, 'here');
});

test('a connection that nobody uses is let go of when its host goes away', { timeout }, async (t) => {
  const { get, place } = await aPage(t, (_request, response) => response.end('here'));
  await get('/');

  place.host.socket.terminate();
  await place.host.connect();
  const { text } = await get('/');

  assert.equal(text, 'here');
  assert.equal(place.opened, 2);
});

test('requests that could be read in two ways are read by nobody', { timeout }, async (t) => {
  let asked = 0;
  const { url, headers } = await aPage(t, (_request, response) => {
    asked += 1;
    response.end();
  });
  const send = async (lines: string[], body: string) => {
    const socket = connect(Number(url.port), '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(
      [...lines, `host: ${url.host}`, `cookie: ${headers.cookie}`, 'connection: close', '', body].join('\r\n'),
    );
    return (await text(socket)).split(' ')[1];
  };

  const smuggled = '0\r\n\r\nGET /secret HTTP/1.1\r\nhost: x\r\n\r\n';
  assert.equal(await send(['POST / HTTP/1.1', 'content-length: 5', 'transfer-encoding: chunked'], smuggled), '400');
  assert.equal(await send(['POST / HTTP/1.1', 'transfer-encoding: gzip, chunked'], smuggled), '400');
  assert.equal(await send(['POST / HTTP/1.1', 'content-length: 5', 'content-length: 6'], 'hello'), '400');
  assert.equal(await send(['GET http://box/ HTTP/1.1'], ''), '400');

  assert.equal(asked, 0);
});
