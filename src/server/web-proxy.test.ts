import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, opened, startWebPlace } from './suite-web-proxy.ts';

const timeout = 20_000;

test('an address opens once, and leaves the browser at one of its own', { timeout }, async (t) => {
  const place = await startWebPlace(t, { web: (request, response) => response.end(`you asked for ${request.url}`) });
  const url = await place.urlOf('web');
  assert.match(url.host, /^80--web--box\.localhost:\d+$/);

  const first = await opened(url);
  const page = await get(new URL('/a?b=c', first.url), { headers: { cookie: first.cookie } });
  const again = await get(url);

  assert.equal(first.url.search, '');
  assert.deepEqual([page.status, page.text], [200, 'you asked for /a?b=c']);
  assert.equal(again.status, 401);
  assert.match(again.text, /opened already/);
});
