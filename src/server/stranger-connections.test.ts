import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { StrangerConnections } from './stranger-connections.ts';
import { startServer, TestAgent } from './suite-server.ts';

/** One that says nothing. */
async function aSilentOne(t: TestContext, url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The status of a reply, and from which port it was asked. */
async function askedBy(agent: Agent, url: string, headers: Record<string, string>) {
  const request = get(url, { agent, headers });
  const [reply] = await once(request, 'response');
  const port = request.socket?.localPort;
  reply.resume();
  await once(reply, 'end');
  return [reply.statusCode, port];
}

test('of connections that prove nothing the oldest gives way, and none of those that did', async (t) => {
  const lines: string[] = [];
  const { url, admin, adminToken } = await startServer(t, { mostStrangers: 3, log: (line) => lines.push(line) });
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const host = new TestAgent(url);
  await host.register({ joinToken });
  const authorization = host.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const realtime = new WebSocket(`${url.replace('http', 'ws')}${agentSocketPath}`, { headers: { authorization } });
  t.after(() => realtime.terminate());
  await once(realtime, 'open');
  const person = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => person.destroy());
  const ask = () => askedBy(person, `${url}/api/v1/whoami`, { authorization: `Bearer ${adminToken}` });
  const before = await ask();

  const silent: Socket[] = [];
  for (let count = 0; count < 6; count += 1) silent.push(await aSilentOne(t, url));
  await waitUntil(
    'three of them to be closed',
    () => silent.filter(({ readyState }) => readyState !== 'open').length >= 3,
  );
  const after = await ask();

  assert.deepEqual(
    silent.map(({ readyState }) => readyState === 'open'),
    [false, false, false, true, true, true],
  );
  assert.deepEqual(after, before);
  assert.equal(realtime.readyState, WebSocket.OPEN);
  assert.equal(lines.filter((line) => line.startsWith('Connections of ')).length, 1);
});

test('behind a proxy connections are not counted: all of them come from it', async (t) => {
  const { url } = await startServer(t, { mostStrangers: 1, trustsProxy: true });

  const silent = [await aSilentOne(t, url), await aSilentOne(t, url)];
  const { status } = await fetch(`${url}/healthz`);

  assert.equal(status, 200);
  assert.ok(silent.every(({ readyState }) => readyState === 'open'));
});

/** A connection as it comes in over IPv6. */
function aSocketOf(remoteAddress: string): Socket {
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: 40_000 },
  });
}

test('connections of one network are counted, also where its addresses use one port', () => {
  const crowded: string[] = [];
  const strangers = new StrangerConnections({ most: 3, onTooMany: (address) => crowded.push(address) });
  const sockets = Array.from({ length: 6 }, (_, index) => aSocketOf(`2001:db8::${index + 1}`));

  for (const socket of sockets.slice(0, 3)) strangers.add(socket);
  strangers.proved({ remoteAddress: '2001:db8::1', remotePort: 40_000 });
  for (const socket of sockets.slice(3)) strangers.add(socket);

  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [false, true, true, false, false, false],
  );
  assert.deepEqual(crowded, ['2001:db8::5']);
});

test('a host that waits for approval is a stranger still', async (t) => {
  const { url } = await startServer(t, { mostStrangers: 2 });
  const host = new TestAgent(url);
  await host.register();
  const path = agentSocketPath;
  const authorization = host.authorization({ method: 'GET', path, body: undefined });
  const realtime = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers: { authorization } });
  realtime.on('error', () => undefined);
  t.after(() => realtime.terminate());
  await once(realtime, 'open');
  const line = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => line.destroy());
  const signed = host.authorization({ method: 'GET', path: '/agent/v1/desired', body: undefined });
  const [status] = await askedBy(line, `${url}/agent/v1/desired`, { authorization: signed });

  await aSilentOne(t, url);
  await aSilentOne(t, url);
  await waitUntil('its socket to be closed', () => realtime.readyState === WebSocket.CLOSED);
  await waitUntil('its other connection to be closed', () => Object.keys(line.freeSockets).length === 0);

  assert.equal(status, 403);
});
