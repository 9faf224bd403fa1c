import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { Role } from '../contracts/fleet.ts';
import { type Close, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import { aSource, aViewerOf } from './session.suite.ts';
import { SessionDesk, type SessionDeskOptions } from './session-desk.ts';

const exec: SessionSpec = { kind: 'exec', workspace: 'web', command: ['sh'], env: [], interactive: true };
const logs: SessionSpec = { kind: 'logs', source: { of: 'agent' }, follow: true, timestamps: false };

/** A desk whose sources the test plays; each is remembered as it is opened. */
function aDesk(options: Partial<SessionDeskOptions> = {}) {
  const sources: ReturnType<typeof aSource>[] = [];
  const desk = new SessionDesk({
    open: async () => {
      const source = aSource();
      sources.push(source);
      return { source: source.source, isTerminal: false, readsOn: false };
    },
    ...options,
  });
  const view = (opening: Opening = {}) => {
    const { actor = 'ada', role = 'operator', session = exec, window = sessionLimits.windowBytes, ...more } = opening;
    return aViewerOf((stream, request) => desk.take(stream, request), { actor, role, session, window, ...more });
  };
  return { desk, sources, view };
}

interface Opening {
  readonly actor?: string;
  readonly role?: Role;
  readonly session?: SessionSpec;
  readonly window?: number;
  readonly seat?: string;
  readonly resume?: { readonly seat: string; readonly received: number; readonly credit: number };
}

const join = (sessionId: string): SessionSpec => ({ kind: 'join', sessionId });
const codes = (closes: readonly Close[]) => closes.map(({ code }) => code);

test('who opens a session gets what its source says, and it is listed until it is over', async () => {
  const { desk, sources, view } = aDesk();
  const viewer = view();
  const { sessionId } = await viewer.accepted();
  sources[0]?.say('hello');
  await viewer.becomes('the text', () => viewer.text() === 'hello');

  const [listed] = desk.list();
  assert.deepEqual(
    { ...listed, openedAt: undefined },
    { sessionId, spec: exec, actor: 'ada', viewers: [{ actor: 'ada', isHere: true }], openedAt: undefined },
  );
  viewer.stream.close({ code: 'cancelled', message: 'enough' });
  viewer.carry();
  assert.deepEqual([desk.list(), sources[0]?.isClosed()], [[], true]);
});

test('who comes back with the seat goes on where they were; another user does not, nor one who may no more', async () => {
  const { sources, view } = aDesk();
  const viewer = view();
  const { seat } = await viewer.accepted();
  sources[0]?.say('one two');
  await viewer.becomes('the text', () => viewer.text() === 'one two');
  viewer.lose();
  const resume = { seat, received: 4, credit: 4 + sessionLimits.windowBytes };

  const stranger = view({ actor: 'eve', resume });
  const demoted = view({ role: 'viewer', resume });
  assert.equal((await stranger.closed())?.code, 'session-lost');
  assert.equal((await demoted.closed())?.code, 'refused');
  const again = view({ resume });
  await again.becomes('the rest', () => again.text() === 'two');
});

test('what was opened and not heard of is not opened twice', async () => {
  const { sources, view } = aDesk();
  const seat = 'A'.repeat(43);
  const first = view({ seat });
  first.lose();
  const second = view({ seat });
  await second.accepted();
  second.lose();
  const third = view({ seat });
  const stranger = view({ seat, actor: 'eve' });

  assert.equal((await third.accepted()).seat, seat);
  await stranger.accepted();
  assert.equal(sources.length, 2, 'one of ada, one of eve');
});

test('a session is joined by who opened it and by an admin; nobody else learns that it is there', async () => {
  const { desk, view } = aDesk();
  const { sessionId } = await view().accepted();

  const own = view({ session: join(sessionId) });
  const admin = view({ session: join(sessionId), actor: 'root', role: 'admin' });
  await own.accepted();
  await admin.accepted();
  const stranger = await view({ session: join(sessionId), actor: 'eve' }).closed();
  const none = await view({ session: join('s-zzzzzzzzzz') }).closed();
  const demoted = await view({ session: join(sessionId), role: 'viewer' }).closed();

  assert.equal(stranger?.message.replace(sessionId, 's-zzzzzzzzzz'), none?.message);
  assert.deepEqual([stranger?.code, none?.code, demoted?.code], ['not-found', 'not-found', 'refused']);
  assert.equal(desk.list()[0]?.viewers.length, 3);
});

test('a viewer may join a log of their own', async () => {
  const { view } = aDesk();
  const { sessionId } = await view({ session: logs, role: 'viewer' }).accepted();

  await view({ session: join(sessionId), role: 'viewer' }).accepted();
});

test('a source that cannot be opened is told as it is; a defect is not told to viewers', async () => {
  const defects: unknown[] = [];
  const failures = [
    new AppError('not-found', 'Cannot open "web": no such workspace', { next: 'See.' }),
    new Error('x'),
  ];
  const { view } = aDesk({
    open: async () => Promise.reject(failures.shift()),
    onDefect: (error) => defects.push(error),
  });

  const [known, defect] = [await view().closed(), await view().closed()];

  assert.deepEqual(known, { code: 'not-found', message: 'Cannot open "web": no such workspace', next: 'See.' });
  assert.equal(defect?.code, 'internal');
  assert.ok(!defect?.message.includes('x:'), defect?.message);
  assert.equal(defects.length, 1);
});

test('what is opened stops when nobody waits for it any more, and what came too late is let go', async () => {
  const late = aSource();
  const opened = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const { desk, view } = aDesk({
    open: async (_spec, signal) => {
      signals.push(signal);
      await opened.promise;
      return { source: late.source, isTerminal: false, readsOn: false };
    },
  });
  const viewer = view();

  viewer.stream.close({ code: 'cancelled', message: 'enough' });
  viewer.carry();
  assert.ok(signals[0]?.aborted);
  opened.resolve();
  await waitUntil('its end', () => late.isClosed());

  assert.deepEqual(desk.list(), []);
});

test('a frame before the session is accepted closes its stream', async () => {
  const { view } = aDesk({ open: () => new Promise(() => undefined) });
  const viewer = view();

  viewer.stream.send({ type: 'end', offset: 0 });

  assert.equal((await viewer.closed())?.code, 'protocol');
});

test('an OPEN that is none of a server is refused alone', async () => {
  const { desk } = aDesk();
  for (const request of [undefined, {}, { session: exec, window: 9_999 }, 'x']) {
    const viewer = aViewerOf((stream, open) => desk.take(stream, open), request ?? null);
    assert.equal((await viewer.closed())?.code, 'protocol');
  }
});

test('a user opens no more than theirs; the longest away gives way first', async () => {
  const { sources, desk, view } = aDesk({ mostPerActor: 3 });
  const viewers = [view(), view(), view()];
  for (const viewer of viewers) await viewer.accepted();

  const refused = await view().closed();
  await view({ actor: 'bo' }).accepted();
  viewers[1]?.lose();
  viewers[0]?.lose();
  await view().accepted();

  assert.equal(refused?.code, 'limit-exceeded');
  assert.match(refused?.message ?? '', /"ada" has 3 open/);
  assert.deepEqual(
    sources.map(({ isClosed }) => isClosed()),
    [false, true, false, false, false],
  );
  assert.equal(desk.list().length, 4);
});

test('there are no more sessions than there may be, those counted that are being opened', async () => {
  const { view } = aDesk({ mostSessions: 2, open: () => new Promise(() => undefined) });
  view({ actor: 'a' });
  view({ actor: 'b' });

  const refused = await view({ actor: 'c' }).closed();

  assert.equal(refused?.code, 'limit-exceeded');
  assert.match(refused?.next ?? '', /agora host sessions/);
});

test('a session has no more viewers than seats; one who is away gives way', async () => {
  const { view } = aDesk({ mostSeats: 2 });
  const first = view();
  const { sessionId } = await first.accepted();
  const second = view({ session: join(sessionId) });
  await second.accepted();

  const refused = await view({ session: join(sessionId) }).closed();
  second.lose();
  await view({ session: join(sessionId) }).accepted();

  assert.equal(refused?.code, 'limit-exceeded');
  assert.deepEqual(first.closes, []);
});

test('many sessions together keep no more than there is for all', async () => {
  const { desk, sources, view } = aDesk({ replayBytes: 1024 * 1024 });
  const viewers = Array.from({ length: 12 }, (_, index) => view({ actor: `u${index}`, window: 64 * 1024 }));
  for (const viewer of viewers) await viewer.accepted();
  for (const { say } of sources) say(Buffer.alloc(64 * 1024, 'x'));
  for (const viewer of viewers) {
    await viewer.becomes('its output', () => viewer.text().length === 64 * 1024);
    viewer.stream.send({ type: 'credit', offset: 128 * 1024 });
    viewer.carry();
  }
  for (const { say } of sources) say(Buffer.alloc(64 * 1024, 'y'));
  for (const viewer of viewers) await viewer.becomes('the rest', () => viewer.text().length === 128 * 1024);

  assert.ok(desk.heldBytes <= 12 * 96 * 1024, `${desk.heldBytes} bytes are held`);
});

test('a desk that closes ends what there is and what is being opened, and takes no more', async () => {
  let isStuck = false;
  const { desk, view } = aDesk({
    open: async () =>
      isStuck ? new Promise(() => undefined) : { source: aSource().source, isTerminal: true, readsOn: true },
  });
  const open = view();
  await open.accepted();
  isStuck = true;
  const opening = view();

  desk.close({ code: 'session-lost', message: 'the agent stops' });
  const later = view();

  for (const viewer of [open, opening, later]) assert.equal((await viewer.closed())?.message, 'the agent stops');
  assert.deepEqual(codes(open.closes), ['session-lost']);
});
