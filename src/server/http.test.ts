import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { isAppError } from '../contracts/errors.ts';
import { roles } from '../contracts/fleet.ts';
import type { Route } from '../contracts/route.ts';
import { routes } from '../contracts/routes.ts';
import { boundedBody } from './request-body.ts';
import { migrations } from './store-schema.ts';
import { startServer, TestAgent } from './suite-server.ts';

type Sent = { readonly status: number; readonly code: string | undefined };

async function send(url: string, path: string, init: RequestInit): Promise<Sent> {
  const response = await fetch(`${url}${path}`, init);
  const text = await response.text();
  const code = /^\{"error":\{"code":"([a-z-]+)"/.exec(text)?.[1];
  return { status: response.status, code };
}

/** What a server answers to bytes of a connection that stays open. */
async function answerTo(t: TestContext, url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const connection = connect(Number(port), hostname);
  t.after(() => connection.destroy());
  let answer = '';
  connection.on('error', () => undefined).on('data', (chunk) => (answer += chunk));
  connection.write(bytes);
  await waitUntil('an answer', () => answer.includes('\r\n\r\n'), { timeoutMs: 3_000 });
  return answer;
}

function filled(path: string): string {
  const values: Record<string, string> = { digest: `sha256:${'0'.repeat(64)}`, tokenId: 't-0' };
  return path.replace(/:([A-Za-z]+)/g, (_, name: string) => values[name] ?? 'nobody');
}

test('every route lets in who may, and nobody else', async (t) => {
  const { url, admin, adminToken } = await startServer(t);
  const tokens: Record<string, string> = { admin: adminToken };
  for (const role of ['viewer', 'operator'] as const)
    tokens[role] = (await admin.call('addUser', { body: { name: role, role } })).token;
  const agent = new TestAgent(url);
  await agent.register();

  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = filled(route.path);
    const type = route.body === 'bytes' ? 'application/octet-stream' : 'application/json';
    const body = route.body === undefined ? undefined : '{"none":"such"}';
    const init = (authorization?: string) => ({
      method: route.method,
      headers: { ...(body && { 'content-type': type }), ...(authorization && { authorization }) },
      ...(body && { body }),
    });
    const isIn = ({ status, code }: Sent) => status !== 401 && code !== 'refused' && status < 500;
    const asNobody = await send(url, path, init());
    assert.equal(isIn(asNobody), route.access === 'public', `${name} as nobody: ${asNobody.status}`);
    for (const role of roles) {
      const mayBe =
        route.access === 'public' || (route.access !== 'agent' && roles.indexOf(role) >= roles.indexOf(route.access));
      const asRole = await send(url, path, init(`Bearer ${tokens[role]}`));
      assert.equal(isIn(asRole), mayBe, `${name} as ${role}: ${asRole.status} ${asRole.code}`);
    }
    const authorization = agent.authorization({
      method: route.method,
      path,
      body: route.body === 'bytes' ? undefined : body,
    });
    const asAgent = await send(url, path, init(authorization));
    const isForAgents = route.access === 'public' || route.access === 'agent';
    assert.equal(asAgent.status !== 401, isForAgents, `${name} as an agent: ${asAgent.status} ${asAgent.code}`);
  }
});

test('who is not let in is told so before they have sent their body', async (t) => {
  const { url } = await startServer(t);
  const heads = [
    'POST /agent/v1/report HTTP/1.1\r\ncontent-type: application/json',
    `POST /agent/v1/report HTTP/1.1\r\ncontent-type: application/json\r\nauthorization: Agora-Agent ${'a'.repeat(43)} 1 ${'a'.repeat(86)}`,
    'POST /api/v1/hosts/box/spec HTTP/1.1\r\ncontent-type: application/json\r\nauthorization: Bearer agora-user.x',
    `PUT /api/v1/contexts/sha256:${'0'.repeat(64)} HTTP/1.1\r\ncontent-type: application/json`,
  ];

  const nowhere = 'POST /nowhere HTTP/1.1\r\ncontent-type: application/json\r\nhost: x\r\ncontent-length: 9\r\n\r\n{';
  assert.match(await answerTo(t, url, nowhere), /^HTTP\/1\.1 404 /);
  for (const head of heads) {
    const answer = await answerTo(t, url, `${head}\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n{"a":`);
    assert.match(answer, /^HTTP\/1\.1 401 /, head);
  }
});

test('a body of another type than its route takes is refused, not read as none', async (t) => {
  const { url, adminToken, admin } = await startServer(t);
  const authorization = `Bearer ${adminToken}`;
  const bytes = { authorization, 'content-type': 'application/octet-stream' };
  const json = { authorization, 'content-type': 'application/json' };

  assert.deepEqual(await send(url, '/api/v1/join-tokens', { method: 'POST', headers: bytes, body: '{"uses":7}' }), {
    status: 400,
    code: 'invalid-input',
  });
  assert.deepEqual((await admin.call('listJoinTokens', {})).joinTokens, []);
  const path = `/api/v1/contexts/sha256:${'0'.repeat(64)}`;
  assert.deepEqual(await send(url, path, { method: 'PUT', headers: json, body: '{}' }), {
    status: 400,
    code: 'invalid-input',
  });
});

test('a streamed body ends at the size its route takes', async (t) => {
  const { url, adminToken } = await startServer(t);
  const head = `PUT /api/v1/contexts/sha256:${'0'.repeat(64)} HTTP/1.1\r\ncontent-type: application/octet-stream`;
  const size = 3 * 1024 ** 3;

  const answer = await answerTo(
    t,
    url,
    `${head}\r\nhost: x\r\nauthorization: Bearer ${adminToken}\r\ncontent-length: ${size}\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 413 /);
  const pieces = async function* () {
    for (;;) yield new Uint8Array(10);
  };
  const read = async () => {
    for await (const _ of boundedBody(pieces(), 25));
  };
  await assert.rejects(read, (error) => isAppError(error, 'limit-exceeded'));
});

test('an address that is none is answered as every refusal is', async (t) => {
  const { url, admin } = await startServer(t);
  const name = 'n'.repeat(128);
  await admin.call('addUser', { body: { name, role: 'viewer' } });

  assert.deepEqual(await send(url, '/api/v1/hosts/%ZZ', {}), { status: 400, code: 'invalid-input' });
  await admin.call('removeUser', { params: { user: name } });
});

test('requests of nobody and of hosts leave no trace in the activity log, those of users do once a minute', async (t) => {
  const { url, admin } = await startServer(t);
  const { token } = await admin.call('addUser', { body: { name: 'vic', role: 'viewer' } });
  const agent = new TestAgent(url);
  await agent.register();

  for (let times = 0; times < 5; times += 1) {
    await send(url, '/api/v1/users', {});
    await send(url, '/api/v1/users', {
      headers: { authorization: agent.authorization({ method: 'GET', path: '/api/v1/users', body: undefined }) },
    });
    await send(url, '/api/v1/users', { headers: { authorization: `Bearer ${token}` } });
  }

  const { activity } = await admin.call('listActivity', {});
  assert.deepEqual(
    activity.filter(({ action }) => action === 'refused').map(({ actor, details }) => [actor, details['route']]),
    [['user:vic', 'listUsers']],
  );
});

test('a refused upgrade ends its connection, though the other side keeps it open', async (t) => {
  const { url } = await startServer(t);
  const { hostname, port } = new URL(url);
  const connection = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  t.after(() => connection.destroy());
  connection.on('error', () => undefined).resume();
  connection.write('GET /agent/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await once(connection, 'end');

  await waitUntil(
    'the other side to be gone',
    () => {
      connection.write('x');
      return connection.destroyed;
    },
    { timeoutMs: 3_000 },
  );
});

test('only the last entry that a proxy made is believed, and only where it is an address', async (t) => {
  const { url, admin } = await startServer(t, { trustsProxy: true });
  const { fetch: plain } = globalThis;
  const forwarded = ['1.2.3.4, 10.9.8.7', `evil ${'x'.repeat(400)}`];
  t.after(() => (globalThis.fetch = plain));

  const addresses = [];
  for (const value of forwarded) {
    globalThis.fetch = (input, init) =>
      plain(input, { ...init, headers: { ...init?.headers, 'x-forwarded-for': value } });
    await new TestAgent(url).register();
    globalThis.fetch = plain;
  }
  for (const { address } of (await admin.call('listHosts', {})).hosts) addresses.push(address);
  assert.deepEqual(addresses, ['10.9.8.7', '127.0.0.1']);
});

test('nobody is answered before what was changed is on disk', async (t) => {
  const { admin, url } = await startServer(t);
  const onDisk = Promise.withResolvers<void>();
  const { mock } = t.mock.method(SqliteDatabase.prototype, 'settled', () => onDisk.promise);
  let isAnswered = false;

  const asked = admin.call('createJoinToken', { body: {} }).finally(() => {
    isAnswered = true;
  });
  await waitUntil('the change', () => mock.callCount() > 0);
  for (let count = 0; count < 3; count += 1) await fetch(`${url}/healthz`); // An answer would be here by then.

  assert.equal(isAnswered, false);
  onDisk.resolve();
  await asked;
});

test('what fails in the server is told without where its files are, and in its log with it', async (t) => {
  const lines: string[] = [];
  const { url, folder, admin, adminToken } = await startServer(t, { log: (line) => lines.push(line) });
  const agent = new TestAgent(url);
  const database = new SqliteDatabase({ file: join(folder, 'server.db'), subject: 'server state', migrations });
  t.after(() => database.close());
  database.run('ALTER TABLE tokens RENAME TO lost_tokens');
  database.run('ALTER TABLE hosts RENAME TO lost_hosts');

  const answers = await Promise.all(
    ['/metrics', '/api/v1/whoami'].map(async (path) => {
      const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${adminToken}` } });
      return `${response.status} ${await response.text()}`;
    }),
  );
  await assert.rejects(agent.register(), (error) => isAppError(error, 'internal') && !error.message.includes(folder));
  await assert.rejects(admin.call('whoAmI', {}), (error) => isAppError(error) && error.next === 'Its log says why.');

  for (const answer of answers) {
    assert.match(answer, /^500 .*Cannot answer: the server failed/);
    assert.ok(!answer.includes(folder), answer);
  }
  for (const request of ['GET /metrics', 'GET /api/v1/whoami', 'POST /agent/v1/register'])
    assert.ok(
      lines.some((line) => line.startsWith(`${request} failed: `) && line.includes(folder)),
      request,
    );
});
