import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ServerClient } from '../server-client/server-client.ts';
import { get, opened, start, startWebPlace } from './suite-web-proxy.ts';

const timeout = 20_000;
const elsewhere = 'http://192.0.2.1:8090';

test('an address opens once, and leaves the browser at one of its own', { timeout }, async (t) => {
  const place = await startWebPlace(t, { web: (request, response) => response.end(`you asked for ${request.url}`) });
  const url = await place.urlOf('web');
  assert.match(url.host, /^80--web--box\.localhost:\d+$/);

  const answer = await get(url);
  const cookie = answer.headers['set-cookie']?.[0] ?? '';
  const [value = ''] = cookie.split(';');
  const page = await get(new URL('/a?b=c', url), { headers: { cookie: value } });
  const again = await get(url);
  const inThatBrowser = await get(url, { headers: { cookie: value } });

  assert.deepEqual([answer.status, answer.headers.location], [303, '/']);
  assert.match(cookie, /^agora-web=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.deepEqual([page.status, page.text], [200, 'you asked for /a?b=c']);
  assert.equal(again.status, 401);
  assert.match(again.text, /opened already/);
  assert.deepEqual([inThatBrowser.status, inThatBrowser.headers.location], [303, '/']);
});

test('what one was let in for opens nothing else', { timeout }, async (t) => {
  const place = await startWebPlace(t, { web: (_request, response) => response.end('secret') });
  const web = await opened(await place.urlOf('web'));
  const other = await opened(await place.urlOf('other'));
  const ticket = (await place.urlOf('web')).searchParams.get('agora-ticket') ?? '';

  const there = await get(other.url, { headers: { cookie: web.cookie } });
  const api = await get(new URL('/api/v1/whoami', place.url), { headers: { cookie: web.cookie } });
  const wrongPlace = await get(new URL(`/?agora-ticket=${ticket}`, other.url));

  assert.deepEqual([there.status, api.status, wrongPlace.status], [401, 401, 401]);
});

test('nothing of the server answers at the address of a workspace', { timeout }, async (t) => {
  const place = await startWebPlace(t, { web: (request, response) => response.end(`workspace: ${request.url}`) });
  const { url, cookie } = await opened(await place.urlOf('web'));
  const authorization = `Bearer ${place.adminToken}`;

  const asked = await get(new URL('/api/v1/users', url), { headers: { cookie, authorization } });
  const health = await get(new URL('/healthz', url));
  const broken = await get(new URL('/%zz', url), { headers: { cookie } });

  assert.equal(asked.text, 'workspace: /api/v1/users');
  assert.equal(health.status, 401);
  assert.equal(broken.text, 'workspace: /%zz');
});

test('a program asks with its token, which no workspace is told', { timeout }, async (t) => {
  const place = await startWebPlace(t, {
    web: (request, response) => {
      response
        .setHeader('location', '/login')
        .setHeader('set-cookie', ['a=1; Path=/x; Domain=evil.example', 'agora-web=1']);
      response.end(JSON.stringify([request.url, request.headers.authorization, request.headers['x-forwarded-prefix']]));
    },
  });
  const url = new URL('/proxy/box/web/80/a/../b?c', place.url);
  const authorization = `Bearer ${place.adminToken}`;

  const { status, text, headers } = await get(url, { headers: { authorization } });

  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(text), ['/b?c', null, '/proxy/box/web/80']);
  assert.equal(headers.location, '/proxy/box/web/80/login');
  assert.deepEqual(headers['set-cookie'], ['a=1; Path=/proxy/box/web/80/x']);
  assert.equal((await get(url)).status, 401);
  assert.equal((await get(url, { headers: { authorization: 'Bearer agora-user.wrong' } })).status, 401);
  assert.equal((await get(new URL('/proxy/box/web/0/', place.url))).status, 404);
});

test('where there is no name for each port, a page has a sandbox, and its address the key to it', {
  timeout,
}, async (t) => {
  const place = await startWebPlace(t, {
    web: (request, response) => {
      response.setHeader('access-control-allow-origin', '*').setHeader('clear-site-data', '"*"');
      response.end(request.url);
    },
  });
  const told = await place.urlOf('web', elsewhere);
  assert.equal(told.origin, elsewhere);
  assert.equal(told.pathname, '/proxy/box/web/80/');

  const { url, cookie } = await opened(new URL(`${told.pathname}${told.search}`, place.url));
  const page = await get(new URL('app/x.js', url), { headers: { origin: 'null' } });
  const asks = { origin: 'null', 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-y' };
  const preflight = await get(url, { method: 'OPTIONS', headers: asks });
  const elsewhereInIt = await get(new URL(url.pathname.replace('/web/', '/other/'), url));

  assert.equal(cookie, '');
  assert.match(url.pathname, /^\/proxy\/box\/web\/80\/~[\w-]{43}\/$/);
  assert.equal(page.text, '/app/x.js');
  assert.match(String(page.headers['content-security-policy']), /^sandbox (?!.*allow-same-origin)/);
  assert.equal(page.headers['access-control-allow-origin'], 'null');
  assert.equal(page.headers['clear-site-data'], undefined);
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-methods']], [204, 'PUT']);
  assert.equal(elsewhereInIt.status, 401);
});

test('a page of another address can neither ask in somebody’s name nor show it', { timeout }, async (t) => {
  let asked = 0;
  const place = await startWebPlace(t, {
    web: (_request, response) => {
      asked += 1;
      response.end('done');
    },
  });
  const { url, cookie } = await opened(await place.urlOf('web'));
  const ask = async (headers: Record<string, string>, method = 'GET') =>
    (await get(url, { method, headers: { cookie, ...headers } })).status;

  assert.equal(
    await ask({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }),
    403,
  );
  assert.equal(
    await ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }),
    403,
  );
  const form = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  assert.equal(await ask(form, 'POST'), 403);
  assert.equal(await ask({ origin: 'http://81--web--box.localhost' }, 'POST'), 403);
  assert.equal(await ask({ origin: 'null' }, 'POST'), 403);
  assert.equal(asked, 0);
  assert.equal(await ask(form), 200);
  assert.equal(await ask({ origin: url.origin, 'sec-fetch-site': 'same-origin' }, 'POST'), 200);
});

test('whose token or role is taken is out, with what they have open', { timeout: 30_000 }, async (t) => {
  const place = await startWebPlace(t, { web: (_request, response) => void response.write('and so on') });
  const { token } = await place.admin.call('addUser', { body: { name: 'ana', role: 'operator' } });
  const ana = new ServerClient({ url: place.url, authorize: () => `Bearer ${token}` });
  const asked = { params: { host: 'box' }, body: { workspace: 'web', port: 80, server: place.url } };
  const { url, cookie } = await opened(new URL((await ana.call('createProxyUrl', asked)).url));
  const request = start(url, { headers: { cookie } });
  request.end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const cutOff = assert.rejects(text(answer));

  await place.admin.call('changeUser', { params: { user: 'ana' }, body: { role: 'viewer' } });
  assert.equal((await get(url, { headers: { cookie } })).status, 403);
  await assert.rejects(ana.call('createProxyUrl', asked), /it takes operator/);
  await place.admin.call('removeUser', { params: { user: 'ana' } });
  assert.equal((await get(url, { headers: { cookie } })).status, 401);

  await cutOff;
});

test('with a domain each port has a name below it, also behind a proxy that ends TLS', { timeout }, async (t) => {
  const place = await startWebPlace(t, {
    web: (request, response) => response.end(`${request.headers.host} ${request.headers['x-forwarded-proto']}`),
    proxyDomain: 'apps.example.org',
    trustsProxy: true,
  });
  const told = await place.urlOf('web', 'https://agora.example.org');
  assert.equal(told.origin, 'https://80--web--box.apps.example.org');
  const at = new URL(`${told.pathname}${told.search}`, place.url);
  const forwarded = { host: told.host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };

  const answer = await get(at, { headers: forwarded });
  const cookie = answer.headers['set-cookie']?.[0] ?? '';
  const page = await get(new URL('/', at), { headers: { ...forwarded, cookie: cookie.split(';')[0] ?? '' } });

  assert.match(cookie, /^__Host-agora-web=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  assert.equal(page.text, '80--web--box.apps.example.org https');
  // Any other name is the server's own.
  assert.equal((await get(new URL('/healthz', place.url), { headers: { host: 'x.apps.example.org' } })).text, 'ok\n');
});

test('a workspace below a path is told no password of another one, and may say where it is as it sees that', {
  timeout,
}, async (t) => {
  const place = await startWebPlace(t, {
    web: (request, response) => {
      response.setHeader('www-authenticate', 'Basic realm=x').setHeader('location', 'http://localhost/login');
      response.end(request.headers.authorization ?? 'none');
    },
  });
  const told = await place.urlOf('web', elsewhere);
  const { url } = await opened(new URL(`${told.pathname}${told.search}`, place.url));

  const answer = await get(url, { headers: { authorization: 'Basic c2VjcmV0' } });
  const own = await get(url, { headers: { authorization: 'Token of the page' } });

  assert.equal(answer.text, 'none');
  assert.equal(answer.headers['www-authenticate'], undefined);
  assert.equal(answer.headers.location, `${url.origin}${url.pathname}login`);
  assert.equal(own.text, 'Token of the page');
});
