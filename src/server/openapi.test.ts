import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routes } from '../contracts/routes.ts';
import { startServer } from './suite-server.ts';

test('the OpenAPI document has every route, and the server answers at each address that it names', async (t) => {
  const { url } = await startServer(t);
  const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as {
    readonly openapi: string;
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  };

  const told = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  assert.deepEqual(told.sort(), Object.keys(routes).sort());
  assert.equal(document.openapi, '3.1.0');
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const address = `${url}${path.replaceAll(/\{\w+\}/g, 'x')}`;
      const { status } = await fetch(address, { method: method.toUpperCase() });
      assert.ok([400, 401].includes(status), `${method} ${path} answers ${status} to nobody with nothing`);
    }
  }
});

test('a server says that it lives and is ready, and what is not there is not found', async (t) => {
  const { url, server } = await startServer(t);
  const text = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    return [response.status, await response.text()];
  };

  assert.deepEqual(await text('/healthz'), [200, 'ok\n']);
  assert.deepEqual(await text('/readyz'), [200, 'ready\n']);
  assert.equal((await text('/nowhere'))[0], 404);
  await server.close();
  await assert.rejects(text('/healthz'));
});

test('bodies that are malformed, of another kind or too large are refused with a reason, and the server goes on', async (t) => {
  const { url, adminToken } = await startServer(t);
  const send = async (body: string | Uint8Array, type = 'application/json') => {
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': type };
    const response = await fetch(`${url}/api/v1/users`, { method: 'POST', headers, body });
    const { error } = (await response.json()) as { readonly error: { readonly message: string } };
    return [response.status, error.message] as const;
  };

  for (const [body, type, status, says] of [
    ['', 'application/json', 400, /body: name: /],
    ['{', 'application/json', 400, /line 1, column 2/],
    ['{"name":"a","name":"b","role":"admin"}', 'application/json', 400, /name/],
    ['{"name":"a b","role":"god"}', 'application/json', 400, /name: must be a user name; role: /],
    ['{"name":"bob","role":"viewer","more":1}', 'application/json', 400, /more/],
    [Buffer.from([0x22, 0xff, 0x22]), 'application/json', 400, /UTF-8/],
    ['a=b', 'application/x-www-form-urlencoded', 400, /application\/json/],
    [' '.repeat(2 * 1024 * 1024), 'application/json', 413, /larger/],
  ] as const) {
    const [found, message] = await send(body, type);
    assert.equal(found, status, message);
    assert.match(message, says);
  }
  assert.equal((await send('{"name":"admin","role":"viewer"}'))[0], 409);
});
