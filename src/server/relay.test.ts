import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { LiveSession } from '../contracts/routes-sessions.ts';
import type { Open } from '../contracts/session-wire.ts';
import { aSource } from '../session/session.suite.ts';
import { startServer, TestAgent, type TestServer } from './suite-server.ts';
import { agentSocket, anOpen, callSession, linkOf, logsOfWeb, quiet, startHost, textOf } from './suite-sessions.ts';

test('a session goes from a caller through the server to the agent and back', async (t) => {
  const server = await startServer(t);
  const { source, say, end, told } = aSource();
  await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const link = await linkOf(t, server.url, server.adminToken);
  const { session, ended } = callSession(t, async () => link);

  await session.write(Buffer.from('hello'));
  session.endInput();
  await waitUntil('the input', () => told.length === 2);
  say('world');
  end();

  assert.equal(await textOf(session), 'world');
  assert.deepEqual(await ended, { kind: 'ended', exit: { code: 3, signal: undefined } });
  assert.deepEqual(told, ['write hello', 'end']);
});

test('why a host has no session is told apart', async (t) => {
  const server = await startServer(t);
  const { agent } = await startHost(t, server, { open: quiet });
  const link = await linkOf(t, server.url, server.adminToken);
  const refusal = (host: string) => refusalOf(callSession(t, async () => link, anOpen({ host })).ended);

  await agentSocket(t, { url: server.url, agent }, []);
  assert.match(await refusal('box'), /^refused: .* its agent is of an older release, without sessions \(Upgrade/);
  await server.admin.call('revokeHost', { params: { host: 'box' } });
  assert.match(await refusal('box'), /^refused: .* it is revoked/);
  assert.match(await refusal('nowhere'), /^not-found: Cannot find host "nowhere": there is none \(See/);
});

test('a viewer reads logs and opens nothing else', async (t) => {
  const server = await startServer(t);
  const { source, end } = aSource();
  await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const { token } = await server.admin.call('addUser', { body: { name: 'vera', role: 'viewer' } });
  const link = await linkOf(t, server.url, token);

  const refused = callSession(t, async () => link);
  assert.match(await refusalOf(refused.ended), /^refused: .* which a viewer may not use/);
  const logs = callSession(t, async () => link, anOpen({ session: logsOfWeb }));
  end();
  assert.equal(await textOf(logs.session), '');
  assert.equal((await logs.ended).kind, 'ended');
});

test('a token that is revoked, and a role that is taken, end sessions soon', async (t) => {
  const server = await startServer(t, { sessionLimits: { checkMs: 50 } });
  await startHost(t, server, { open: quiet });
  const { token } = await server.admin.call('addUser', { body: { name: 'olga', role: 'operator' } });
  const made = await server.as(token).call('createToken', { body: { label: 'other' } });
  const opened = async (of: string) => {
    const link = await linkOf(t, server.url, of);
    const call = callSession(t, async () => link);
    await waitUntil('its acceptance', () => call.session.accepted);
    return refusalOf(call.ended);
  };
  const [ofRevoked, ofLowered] = [opened(made.token), opened(token)];
  await waitUntil('both', async () => (await sessionsOf(server)).length === 2);

  await server.as(token).call('revokeToken', { params: { tokenId: made.tokenId }, query: {} });
  assert.match(await ofRevoked, /^refused: .*your token was revoked or has expired/);
  await server.admin.call('changeUser', { params: { user: 'olga' }, body: { role: 'viewer' } });
  assert.match(await ofLowered, /^refused: .* which a viewer may not use/);
  assert.deepEqual(await sessionsOf(server), []);
});

test('a session that waits for a viewer whose token was revoked ends on its host too', async (t) => {
  const server = await startServer(t, { sessionLimits: { checkMs: 50 } });
  const { desk } = await startHost(t, server, { open: quiet });
  const made = await server.admin.call('createToken', { body: { label: 'other' } });
  const link = await linkOf(t, server.url, made.token);
  const { session } = callSession(t, async () => link);
  await waitUntil('its acceptance', () => session.accepted);
  session.detach();
  await waitUntil('its leave', async () => (await sessionsOf(server))[0]?.state === 'waiting');

  await server.admin.call('revokeToken', { params: { tokenId: made.tokenId }, query: {} });

  await waitUntil('its end', async () => desk.list().length === 0 && (await sessionsOf(server)).length === 0);
});

test('sessions of a user and of a host, and how often they are opened, have a most that is told', async (t) => {
  const server = await startServer(t, { sessionLimits: { perUser: 2, perHost: 3, opensPerMinute: 8 } });
  await startHost(t, server, { open: quiet });
  const { token } = await server.admin.call('addUser', { body: { name: 'olga', role: 'operator' } });
  const links = { admin: await linkOf(t, server.url, server.adminToken), olga: await linkOf(t, server.url, token) };
  const open = async (user: keyof typeof links) => {
    const call = callSession(t, async () => links[user]);
    const over = new AbortController();
    const refused = refusalOf(call.ended).finally(() => over.abort());
    const accepted = waitUntil('its acceptance', () => call.session.accepted, { signal: over.signal });
    return accepted.then(
      () => 'accepted',
      () => refused,
    );
  };

  assert.equal(await open('admin'), 'accepted');
  assert.equal(await open('admin'), 'accepted');
  assert.match(await open('admin'), /^limit-exceeded: .*"admin" has 2 open, which is the most/);
  assert.equal(await open('olga'), 'accepted');
  assert.match(await open('olga'), /^limit-exceeded: .*host "box" has 3 open, which is the most/);
  const asked = await Promise.all(Array.from({ length: 8 }, () => open('olga')));
  assert.match(asked.at(-1) ?? '', /^limit-exceeded: .*"olga" opens more than 8 a minute \(Try again in \d+ s\.\)/);
});

test('a session that waits for its viewer is listed, and ended for all', async (t) => {
  const server = await startServer(t);
  const { source, say, isClosed } = aSource();
  const sources = [{ source, isTerminal: true, readsOn: true }];
  const { desk } = await startHost(t, server, { open: () => sources.pop() ?? quiet() });
  const { token } = await server.admin.call('addUser', { body: { name: 'vera', role: 'viewer' } });
  const link = await linkOf(t, server.url, server.adminToken);
  const { session, ended } = callSession(t, async () => link);
  say('hello');
  await waitUntil('output', async () => (await sessionsOf(server))[0]?.outputBytes === 5);
  const sessionId = session.accepted?.sessionId ?? '';

  session.detach();
  assert.deepEqual(await ended, { kind: 'detached' });
  const [waiting] = await waitUntil('its leave', async () => {
    const listed = await sessionsOf(server);
    return listed[0]?.state === 'waiting' ? listed : undefined;
  });

  assert.deepEqual(
    { ...waiting, openedAt: '' },
    {
      sessionId,
      user: 'admin',
      host: 'box',
      workspace: 'web',
      kind: 'exec',
      what: 'cat',
      openedAt: '',
      state: 'waiting',
      viewers: [],
      inputBytes: 0,
      outputBytes: 5,
    },
  );
  const vera = server.as(token);
  assert.deepEqual(await vera.call('listSessions', {}), { sessions: [] });
  await assert.rejects(vera.call('endSession', { params: { sessionId } }), { code: 'not-found' });
  await server.admin.call('endSession', { params: { sessionId } });
  assert.deepEqual(await sessionsOf(server), []);
  await waitUntil('the end of it on its host', () => isClosed() && desk.list().length === 0);
  const other = callSession(t, async () => link);
  const viewed = await waitUntil('its acceptance', () => other.session.accepted);
  await server.admin.call('endSession', { params: { sessionId: viewed.sessionId } });
  assert.match(await refusalOf(other.ended), /^refused: .*admin ended it/);
});

test('what was opened, closed and refused is in the activity log, and no value of a variable', async (t) => {
  const server = await startServer(t);
  const { source, say, end } = aSource();
  await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const link = await linkOf(t, server.url, server.adminToken);
  const session = { ...anOpen().session, command: ['sh', '-c', 'echo $A'], env: ['A=secret'] } as Open['session'];
  const call = callSession(t, async () => link, anOpen({ session }));
  say('hello');
  end();
  await textOf(call.session);
  await call.ended;
  for (const _ of [1, 2]) await refusalOf(callSession(t, async () => link, anOpen({ host: 'nowhere' })).ended);

  const entries = await waitUntil('all of it', async () => {
    const { activity } = await server.admin.call('listActivity', { query: { limit: 4 } });
    const ours = activity.filter(({ action }) => action.startsWith('session.'));
    return ours.length === 3 ? ours : undefined;
  });

  const sessionId = call.session.accepted?.sessionId;
  const what = { kind: 'exec', workspace: 'web', what: "sh -c 'echo $A'", env: ['A'], address: '127.0.0.1' };
  const [opened, closed, refused] = entries.toReversed().map(({ sequence: _, at: __, ...entry }) => entry);
  assert.deepEqual(opened, {
    actor: 'user:admin',
    action: 'session.open',
    subject: 'host:box',
    details: { session: sessionId, ...what },
  });
  const { seconds, ...details } = closed?.details ?? {};
  assert.equal(typeof seconds, 'number');
  assert.deepEqual(details, { session: sessionId, code: 'done', ...what, inputBytes: 0, outputBytes: 5 });
  assert.equal(refused?.action, 'session.refuse');
  assert.equal(refused.details['code'], 'not-found');
});

test('a session goes on where it was when a server that stopped is there again', async (t) => {
  const server = await startServer(t);
  const { source, say, end } = aSource();
  const host = await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  let at: TestServer = server;
  const notices: boolean[] = [];
  const call = callSession(
    t,
    () => linkOf(t, at.url, at.adminToken),
    anOpen(),
    (isAway) => void notices.push(isAway),
  );
  say('one ');
  await waitUntil('output', async () => (await sessionsOf(server))[0]?.outputBytes === 4);

  at = await server.restart();
  const agent = new TestAgent(at.url, host.agent);
  await agent.register();
  await host.connect(at.url, agent);
  say('two');
  end();

  assert.equal(await textOf(call.session), 'one two');
  assert.equal((await call.ended).kind, 'ended');
  assert.deepEqual(notices, [true, false]);
});

test('a new socket of an agent takes the place of the one before, and sessions go on over it', async (t) => {
  const server = await startServer(t);
  const { source, say, end } = aSource();
  const { connect } = await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const link = await linkOf(t, server.url, server.adminToken);
  const call = callSession(t, async () => link);
  await waitUntil('its acceptance', () => call.session.accepted);

  await connect();
  say('still here');
  end();

  assert.equal(await textOf(call.session), 'still here');
});

test('the log of the server itself, and of a build whose host is away, are sessions as well', async (t) => {
  const server = await startServer(t);
  const host = await startHost(t, server, { open: quiet });
  host.socket.terminate();
  const link = await linkOf(t, server.url, server.adminToken);
  const report = (state: 'running' | 'succeeded', first: number, lines: string[]) =>
    host.agent.client.call('reportBuilds', {
      body: {
        builds: [{ ...aBuild, state }],
        live: state === 'running' ? [aBuild.buildId] : [],
        pushes: [],
        logs: [{ buildId: aBuild.buildId, first, lines }],
      },
    });
  const read = (source: { of: 'server' } | { of: 'build'; id: string }, changes: Partial<Open> = {}) =>
    callSession(t, async () => link, anOpen({ session: { ...logsOfWeb, source, follow: true }, ...changes })).session;

  await report('running', 0, ['step 1']);
  const built = textOf(read({ of: 'build', id: 'web' }));
  await waitUntil('its first line', async () => (await sessionsOf(server))[0]?.outputBytes === 7);
  await report('succeeded', 1, ['step 2']);
  assert.equal(await built, 'step 1\nstep 2\n');

  const { host: _, ...ofServer } = anOpen({ session: { ...logsOfWeb, source: { of: 'server' }, follow: true } });
  const log = callSession(t, async () => link, ofServer)
    .session.output()
    [Symbol.asyncIterator]();
  host.agent.forgetInstance();
  const socket = await host.connect();
  socket.send('nonsense');
  const { value } = await log.next();
  assert.match(Buffer.from(value.bytes).toString(), /^Closed the realtime socket of host "box": not a message/);
});

const aBuild = {
  buildId: `b-${'a'.repeat(26)}`,
  image: 'web',
  tag: 'web:1',
  context: `sha256:${'0'.repeat(64)}`,
  queuedAt: '2026-01-01T00:00:00Z',
};

async function sessionsOf({ admin }: TestServer): Promise<LiveSession[]> {
  return (await admin.call('listSessions', {})).sessions;
}

async function refusalOf(ended: Promise<unknown>): Promise<string> {
  return ended.then(
    () => 'it was not refused',
    (error: unknown) => (isAppError(error) ? `${error.code}: ${error.message} (${error.next})` : String(error)),
  );
}
