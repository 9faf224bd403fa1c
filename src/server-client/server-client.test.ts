import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import { nodeFetch } from './node-fetch.ts';
import { type Fetch, type Reply, ServerClient } from './server-client.ts';

interface ClientOfOptions {
  readonly timeoutMs?: number;
  readonly isClosed?: boolean;
}

async function makeClient(
  t: TestContext,
  listener: RequestListener,
  { isClosed = false, ...options }: ClientOfOptions & { readonly fetch: Fetch | undefined },
) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const close = () => server.close().closeAllConnections();
  t.after(close);
  const { port } = server.address() as AddressInfo;
  if (isClosed) close();
  return new ServerClient({ url: `http://127.0.0.1:${port}/`, authorize: ({ path }) => `Test ${path}`, ...options });
}

async function textOf({ body }: Reply): Promise<string> {
  assert.ok(body !== null);
  return await text(body);
}

for (const [kind, fetch] of [
  ['the global fetch', undefined],
  ['node:http', nodeFetch()],
] as const) {
  const clientOf = (t: TestContext, listener: RequestListener, options: ClientOfOptions = {}) =>
    makeClient(t, listener, { ...options, fetch });

  describe(`with ${kind}`, () => {
    test('a call names path, query, body and authorization, and gives the parsed reply', async (t) => {
      const seen: unknown[] = [];
      const client = await clientOf(t, async (request, response) => {
        const body = await text(request);
        seen.push([request.method, request.url, request.headers.authorization, body]);
        response.end(JSON.stringify({ activity: [], more: 1 }));
      });

      const reply = await client.call('listActivity', { query: { limit: 5, subject: 'a b' } });
      await client.send('createToken', { body: { label: 'ci' } });

      assert.deepEqual(reply, { activity: [] });
      assert.deepEqual(seen, [
        ['GET', '/api/v1/activity?limit=5&subject=a+b', 'Test /api/v1/activity?limit=5&subject=a+b', ''],
        ['POST', '/api/v1/tokens', 'Test /api/v1/tokens', '{"label":"ci"}'],
      ]);
    });

    test('the clock of a server is taken from what it answers, where it is another one', async (t) => {
      let date = new Date();
      const client = await clientOf(t, (_, response) => {
        response.setHeader('date', date.toUTCString()).end('{"activity":[]}');
      });
      const isNear = (at: number, expected: number) => Math.abs(at - expected) < 60_000;

      assert.ok(isNear(client.now(), Date.now()));
      date = new Date(Date.now() - 86_400_000);
      await client.call('listActivity', {});
      assert.ok(isNear(client.now(), Date.now() - 86_400_000));
      date = new Date();
      await client.call('listActivity', {});
      assert.ok(isNear(client.now(), Date.now()));
    });

    test('a refusal has the code, the words and the next step that the server gave', async (t) => {
      const client = await clientOf(t, (_, response) => {
        response.statusCode = 403;
        response.end(JSON.stringify({ error: { code: 'refused', message: 'Cannot', next: 'Ask an admin' } }));
      });

      await assert.rejects(
        client.call('whoAmI', {}),
        (error) => isAppError(error, 'refused') && error.next === 'Ask an admin',
      );
    });

    test('nothing that a server says is acted on by a terminal, or takes another line', async (t) => {
      const client = await clientOf(t, (_, response) => {
        response.statusCode = 403;
        const [message, next] = ['no \u001b]0;x\u0007\nagora: signed in\u202e', 'run\r\u009b2K it'];
        response.end(JSON.stringify({ error: { code: 'refused', message, next } }));
      });

      await assert.rejects(
        client.call('whoAmI', {}),
        (error) => isAppError(error, 'refused') && error.message === 'no  agora: signed in' && error.next === 'run  it',
      );
    });

    test('what is no server of ours, does not answer or is not there is unreachable, and named', async (t) => {
      const page = await clientOf(t, (_, response) => response.end('<html>'));
      const proxy = await clientOf(t, (_, response) => response.writeHead(502).end('bad gateway'));
      const silent = await clientOf(t, () => undefined, { timeoutMs: 50 });
      const nobody = await clientOf(t, () => undefined, { isClosed: true });
      const elsewhere = await clientOf(t, (_, response) => response.writeHead(302, { location: 'http://x/' }).end());

      for (const [client, state] of [
        [page, /no server of this version/],
        [proxy, /status 502/],
        [silent, /did not answer in time/],
        [nobody, /ECONNREFUSED/],
        [elsewhere, /redirect/],
      ] as const) {
        await assert.rejects(
          client.call('whoAmI', {}),
          (error) =>
            isAppError(error, 'unreachable') && state.test(error.message) && error.message.includes(client.url),
        );
      }
    });

    test('a body of bytes is sent as it comes, and one that is answered is read as it comes', async (t) => {
      const client = await clientOf(t, (request, response) => {
        if (request.method === 'GET') response.end('content');
        else request.pipe(response);
      });
      const content = async function* () {
        yield Buffer.from('one ');
        yield Buffer.from('two');
      };
      const digest = digestSchema.parse(digestOf('content'));
      const sent = await client.send('putContext', { params: { digest }, query: { sizeBytes: 7 }, body: content() });
      const fetched = await client.send('fetchContext', { params: { digest } });

      assert.equal(await textOf(sent), 'one two');
      assert.equal(await textOf(fetched), 'content');
    });

    test('a connection serves one request after the other, and a reply that is cut off is told', async (t) => {
      const ports = new Set<number | undefined>();
      const client = await clientOf(t, (request, response) => {
        ports.add(request.socket.remotePort);
        if (request.url?.includes('desired')) response.writeHead(304).end();
        else if (request.url?.includes('limit')) response.end('{"activity":[]}');
        else response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy());
      });

      for (let round = 0; round < 3; round++) {
        assert.equal((await client.send('desired', {})).status, 304);
        await client.call('listActivity', { query: { limit: 1 } });
      }
      assert.ok(ports.size <= 2);
      await assert.rejects(client.call('whoAmI', {}), (error) => isAppError(error, 'unreachable'));
    });

    test('who waits is let go by the signal, before and within a reply', async (t) => {
      const client = await clientOf(t, (request, response) => {
        if (request.url?.includes('limit')) response.writeHead(200).write('{');
      });
      for (const query of [{}, { limit: 1 }]) {
        const stop = new AbortController();
        const reply = client.call('listActivity', { query }, { signal: stop.signal });
        setTimeout(() => stop.abort(new Error('enough')), 50);
        await assert.rejects(
          reply,
          (error) => (error as Error).message === 'enough' || isAppError(error, 'unreachable'),
        );
      }
    });
  });
}

test('an address that is none is refused', () => {
  for (const url of ['', 'host:8090', 'ftp://host', 'http://host?x=1', 'file:///etc/passwd'])
    assert.throws(
      () => new ServerClient({ url }),
      (error) => isAppError(error, 'invalid-input'),
      url,
    );
});

test('an address with a password is refused, and the password told to nobody', () => {
  assert.throws(
    () => new ServerClient({ url: 'http://ann:hunter2@host:8090' }),
    (error) =>
      isAppError(error, 'invalid-input') &&
      error.message.includes('http://host:8090') &&
      !error.message.includes('hunter2'),
  );
});
