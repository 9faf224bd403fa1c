import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { startServer, TestAgent } from './suite-server.ts';

test('what a revoked host waits for ends at once, its socket too', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const authorization = agent.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const socket = new WebSocket(`${url.replace('http', 'ws')}${agentSocketPath}`, { headers: { authorization } });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  const ended = once(socket, 'close');
  const startedAt = performance.now();
  const polled = agent.client.call('desired', { query: { waitSeconds: 20 } }).then(
    () => 'answered',
    (error: unknown) => (isAppError(error) ? error.code : 'failed'),
  );
  await waitUntil('the socket to be known', async () => {
    const { host } = await admin.call('getHost', { params: { host: 'box' } });
    return host.link.hasSocket;
  });

  const revoked = await admin.call('revokeHost', { params: { host: 'box' } });

  assert.equal(await polled, 'refused');
  await ended;
  assert.ok(performance.now() - startedAt < 10_000);
  assert.equal((await admin.call('getHost', { params: { host: revoked.name } })).host.link.hasSocket, false);
});

test('a socket with more messages than anybody asked for is closed', async (t) => {
  const { url } = await startServer(t);
  const agent = new TestAgent(url);
  await agent.register();
  const authorization = agent.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const socket = new WebSocket(`${url.replace('http', 'ws')}${agentSocketPath}`, { headers: { authorization } });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  const sample = { at: new Date().toISOString(), gpus: [], workspaces: [] };

  for (let sent = 0; sent < 300; sent += 1) socket.send(JSON.stringify({ kind: 'sample', sample }));

  assert.equal((await once(socket, 'close'))[0], 1008);
});

test('a socket whose other side does not answer its end keeps no server from closing', async (t) => {
  const { server, url, admin } = await startServer(t);
  const agent = new TestAgent(url);
  await agent.register();
  const { hostname, port } = new URL(url);
  const connection = connect(Number(port), hostname);
  t.after(() => connection.destroy());
  connection.on('error', () => undefined).resume();
  const authorization = agent.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const key = Buffer.alloc(16).toString('base64');
  const upgrade = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}`;
  connection.write(
    `GET ${agentSocketPath} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n${upgrade}\r\n\r\n`,
  );
  await once(connection, 'data');
  await admin.call('revokeHost', { params: { host: 'box' } });

  const startedAt = performance.now();
  await server.close();
  assert.ok(performance.now() - startedAt < 10_000);
});
