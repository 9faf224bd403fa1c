import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { Accept, Close, Open } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame } from '../session/frame.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { aSource } from '../session/session.suite.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import { startServer, TestAgent } from './suite-server.ts';
import { agentSocket, anOpen, callSession, linkOf, logsOfWeb, quiet, startHost } from './suite-sessions.ts';

const seat = 'A'.repeat(43);
/** One stream, as whoever speaks the protocol may open it. */
function openStream(link: FrameLink, open: Open) {
  const told: { accept?: Accept; close?: Close } = {};
  const stream = link.open(open, {
    onFrame: (frame) => {
      if (frame.type === 'accept') told.accept = frame.json as Accept;
    },
    onClose: (close) => {
      told.close = close;
    },
  });
  return { stream, told };
}

async function aFleet(t: TestContext, open: () => OpenedSource | Promise<OpenedSource> = quiet) {
  const server = await startServer(t, { sessionLimits: { checkMs: 20, perUser: 2 } });
  const host = await startHost(t, server, { open });
  const addUser = async (name: string, role: 'admin' | 'operator' | 'viewer') => {
    const { token } = await server.admin.call('addUser', { body: { name, role } });
    return { token, link: await linkOf(t, server.url, token) };
  };
  const sessions = async () => (await server.admin.call('listSessions', {})).sessions;
  return { server, host, addUser, sessions };
}

test('an admin who joined the session of another user loses it with the role, and may not come back to it', async (t) => {
  const { server, host, addUser } = await aFleet(t);
  const [olga, ada] = [await addUser('olga', 'operator'), await addUser('ada', 'admin')];
  const own = callSession(t, async () => olga.link);
  const { sessionId } = await waitUntil('its acceptance', () => own.session.accepted);
  const joined = openStream(ada.link, anOpen({ session: { kind: 'join', sessionId } }));
  await waitUntil('its acceptance', () => joined.told.accept);

  await server.admin.call('changeUser', { params: { user: 'ada' }, body: { role: 'operator' } });

  const close = await waitUntil('its end', () => joined.told.close);
  assert.equal(close.code, 'refused');
  assert.match(close.message, /"olga" opened it, and your role is operator now/);
  await waitUntil('one viewer', () => host.desk.list()[0]?.viewers.filter(({ isHere }) => isHere).length === 1);
  const resume = { seat: joined.told.accept?.seat ?? '', received: 0, credit: 0 };
  const back = openStream(ada.link, anOpen({ session: { kind: 'join', sessionId }, resume }));
  assert.notEqual((await waitUntil('its refusal', () => back.told.close)).code, 'detached');
  assert.equal(back.told.accept, undefined);
  assert.equal(own.session.accepted?.sessionId, sessionId);
});

test('who comes back to a seat says what it was opened with', async (t) => {
  const { addUser, sessions } = await aFleet(t);
  const { link } = await addUser('olga', 'operator');
  const first = openStream(link, anOpen({ seat }));
  await waitUntil('its acceptance', () => first.told.accept);

  const resume = { seat, received: 0, credit: 0 };
  for (const changes of [{ resume }, { seat }]) {
    const other = openStream(link, anOpen({ ...changes, session: logsOfWeb }));
    assert.equal((await waitUntil('its refusal', () => other.told.close)).code, 'protocol');
  }

  assert.deepEqual(
    (await sessions()).map(({ kind, what }) => `${kind} ${what}`),
    ['exec cat'],
  );
});

test('a session that is opened again with its seat is as old as it was, and no second one', async (t) => {
  const { addUser, sessions } = await aFleet(t);
  const { link } = await addUser('olga', 'operator');
  const first = openStream(link, anOpen({ seat }));
  await waitUntil('its acceptance', () => first.told.accept);
  openStream(link, anOpen());
  const [before] = await waitUntil('both', async () => {
    const all = await sessions();
    return all.length === 2 ? all : undefined;
  });
  first.stream?.close({ code: 'detached', message: 'away' });
  await waitUntil('its leave', async () => (await sessions())[0]?.state === 'waiting');

  const again = openStream(link, anOpen({ seat }));
  await waitUntil('its acceptance', () => again.told.accept);

  assert.equal(again.told.accept?.sessionId, first.told.accept?.sessionId);
  const back = (await sessions()).find(({ sessionId }) => sessionId === before?.sessionId);
  assert.equal(back?.openedAt, before?.openedAt);
});

test('what a caller left before its host answered is told as opened, and ends with the token', async (t) => {
  const answer = Promise.withResolvers<OpenedSource>();
  const { source, isClosed } = aSource();
  let isAsked = false;
  const { server, host, addUser } = await aFleet(t, () => {
    isAsked = true;
    return answer.promise;
  });
  const { token } = await addUser('olga', 'operator');
  const made = await server.as(token).call('createToken', { body: { label: 'other' } });
  const { stream } = openStream(await linkOf(t, server.url, made.token), anOpen({ seat }));
  await waitUntil('the host to be asked', () => isAsked);

  stream?.close({ code: 'detached', message: 'away' });
  const told = await waitUntil('its entries', async () => {
    const { activity } = await server.admin.call('listActivity', { query: { limit: 10 } });
    const ours = activity.filter(({ action }) => action.startsWith('session.'));
    return ours.length === 2 ? ours.map(({ action, details }) => [action, details['what']]) : undefined;
  });
  assert.deepEqual(told.toReversed(), [
    ['session.open', 'cat'],
    ['session.close', 'cat'],
  ]);
  answer.resolve({ source, isTerminal: false, readsOn: false });
  await waitUntil('it to be opened', () => host.desk.list().length === 1);
  await server.as(token).call('revokeToken', { params: { tokenId: made.tokenId }, query: {} });

  await waitUntil('its end', () => isClosed() && host.desk.list().length === 0);
});

test('what a caller left before its host answered is listed, and who ends it ends it there', async (t) => {
  const answer = Promise.withResolvers<OpenedSource>();
  const { source, isClosed } = aSource();
  let isAsked = false;
  const { server, host, addUser, sessions } = await aFleet(t, () => {
    isAsked = true;
    return answer.promise;
  });
  const { token, link } = await addUser('olga', 'operator');
  const { stream } = openStream(link, anOpen({ seat }));
  await waitUntil('the host to be asked', () => isAsked);
  stream?.close({ code: 'detached', message: 'away' });
  const [left] = await waitUntil('it to be listed', async () => {
    const listed = await sessions();
    return listed.length === 1 ? listed : undefined;
  });

  assert.deepEqual([left?.user, left?.what, left?.state, left?.viewers], ['olga', 'cat', 'waiting', []]);
  const ending = server.as(token).call('endSession', { params: { sessionId: left?.sessionId ?? '' } });
  answer.resolve({ source, isTerminal: false, readsOn: false });
  await ending;

  assert.deepEqual(await sessions(), []);
  await waitUntil('its end', () => isClosed() && host.desk.list().length === 0);
});

test('who asked to join a session and left before the answer is not listed with it', async (t) => {
  const { server, addUser, sessions } = await aFleet(t);
  const { joinToken } = await server.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(server.url);
  await agent.register({ joinToken, name: 'mute' });
  const mute = await agentSocket(t, { url: server.url, agent });
  const { link } = await addUser('vera', 'viewer');
  const joining = { session: { kind: 'join' as const, sessionId: 's-aaaaaaaaaa' }, host: 'mute', seat };
  const { stream } = openStream(link, anOpen(joining));
  await once(mute, 'message');
  stream?.close({ code: 'detached', message: 'away' });

  const [frame] = await once(mute, 'message');

  assert.equal(decodeFrame(frame).frame.type, 'close');
  assert.deepEqual(await sessions(), []);
});

test('who comes back again and again while the host is away is told to wait, not that it is over', async (t) => {
  const server = await startServer(t, { sessionLimits: { opensPerMinute: 3 } });
  const { socket } = await startHost(t, server, { open: quiet });
  const link = await linkOf(t, server.url, server.adminToken);
  const first = openStream(link, anOpen({ seat }));
  await waitUntil('its acceptance', () => first.told.accept);
  socket.terminate();
  await waitUntil('its end', () => first.told.close);

  const codes = new Set<string>();
  for (let times = 0; times < 10; times += 1) {
    const again = openStream(link, anOpen({ resume: { seat, received: 0, credit: 0 } }));
    codes.add((await waitUntil('the answer', () => again.told.close)).code);
  }

  assert.deepEqual([...codes], ['host-away']);
});

test('a host that calls its session as another host does has only its own ended', async (t) => {
  const { server, addUser, sessions } = await aFleet(t);
  const { joinToken } = await server.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(server.url);
  await agent.register({ joinToken, name: 'evil' });
  const hostile = await agentSocket(t, { url: server.url, agent });
  const [olga, vera] = [await addUser('olga', 'operator'), await addUser('vera', 'viewer')];
  const own = openStream(olga.link, anOpen());
  const accept = await waitUntil('its acceptance', () => own.told.accept);
  const lured = openStream(vera.link, anOpen({ host: 'evil', session: logsOfWeb }));
  const [frame] = await once(hostile, 'message');
  hostile.send(encodeFrame(decodeFrame(frame).stream, { type: 'accept', json: { ...accept, seat: 'B'.repeat(43) } }));
  await waitUntil('its acceptance', () => lured.told.accept);

  const ended = await server.as(vera.token).call('endSession', { params: { sessionId: accept.sessionId } });

  assert.equal(ended.host, 'evil');
  await waitUntil('its end', () => lured.told.close);
  assert.equal(own.told.close, undefined);
  assert.deepEqual(
    (await sessions()).map(({ host, user }) => `${host} ${user}`),
    ['box olga'],
  );
});
