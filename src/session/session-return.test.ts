import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../contracts/fleet.ts';
import { type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import { aSource, aViewerOf } from './session.suite.ts';
import { SessionDesk } from './session-desk.ts';

const exec: SessionSpec = { kind: 'exec', workspace: 'web', command: ['sh'], env: [], interactive: true };
const logs: SessionSpec = { kind: 'logs', source: { of: 'agent' }, follow: true, timestamps: false };
const seat = 'A'.repeat(43);
const window = sessionLimits.windowBytes;
const resume = { seat, received: 0, credit: window };

interface Opening {
  readonly actor?: string;
  readonly role?: Role;
  readonly session?: SessionSpec;
  readonly seat?: string;
  readonly resume?: typeof resume;
}

function aDesk(opened: Promise<void> = Promise.resolve(), source = aSource().source) {
  const desk = new SessionDesk({
    open: async () => {
      await opened;
      return { source, isTerminal: false, readsOn: false };
    },
  });
  const view = ({ actor = 'ada', role = 'operator', session = exec, ...more }: Opening) =>
    aViewerOf((stream, request) => desk.take(stream, request), { actor, role, session, window, ...more });
  return { desk, view };
}

test('a seat is taken again for what it was opened with, and for nothing else', async () => {
  const { view } = aDesk();
  const viewer = view({ seat });
  await viewer.accepted();
  viewer.lose();

  const resumed = await view({ session: logs, resume }).closed();
  const again = await view({ session: logs, seat }).closed();

  assert.deepEqual([resumed?.code, again?.code], ['protocol', 'protocol']);
  await view({ resume }).accepted();
});

test('what is being opened is not taken over as something else', async () => {
  const { desk, view } = aDesk(new Promise(() => undefined));
  const viewer = view({ seat });

  const again = await view({ session: logs, seat }).closed();
  viewer.carry();

  assert.equal(again?.code, 'protocol');
  assert.deepEqual([viewer.closes, desk.list()], [[], []]);
});

test('what is being opened is resumed by its seat, as what is open is', async () => {
  const opened = Promise.withResolvers<void>();
  const { desk, view } = aDesk(opened.promise);
  view({ seat }).lose();

  const viewer = view({ resume });
  opened.resolve();
  await viewer.accepted();

  assert.equal(desk.list().length, 1);
});

test('what its viewer gave up while it was being opened is opened anew for the same seat', async () => {
  const opened = Promise.withResolvers<void>();
  const { desk, view } = aDesk(opened.promise);
  const gone = view({ seat });
  gone.stream.close({ code: 'cancelled', message: 'enough' });
  gone.carry();

  const again = view({ seat });
  opened.resolve();
  await again.accepted();

  assert.equal(desk.list().length, 1);
});

test('who joined the session of another as an admin comes back to it only as one', async () => {
  const { view } = aDesk();
  const { sessionId } = await view({}).accepted();
  const session: SessionSpec = { kind: 'join', sessionId };
  const admin = view({ actor: 'root', role: 'admin', session, seat });
  await admin.accepted();
  admin.lose();

  const resumed = await view({ actor: 'root', session, resume }).closed();
  const again = await view({ actor: 'root', session, seat }).closed();

  assert.deepEqual([resumed?.code, again?.code], ['not-found', 'not-found']);
  await view({ actor: 'root', role: 'admin', session, resume }).accepted();
});

test('who may not use a session any more gets no second one in its place', async () => {
  const { desk, view } = aDesk();
  const viewer = view({ seat });
  await viewer.accepted();
  viewer.lose();

  const again = await view({ role: 'viewer', seat }).closed();

  assert.equal(again?.code, 'refused');
  assert.equal(desk.list().length, 1);
});

test('output that changed its channel with each byte comes again whole to who comes back', async () => {
  const { source, say, end } = aSource();
  const { view } = aDesk(Promise.resolve(), source);
  const viewer = view({ seat });
  await viewer.accepted();
  viewer.lose();
  const channelOf = (count: number) => (count % 2 === 0 ? 'output' : 'error');
  for (let count = 0; count < 10_000; count += 1) say(String.fromCharCode(count % 128), channelOf(count));
  end();

  const back = view({ resume });
  await back.becomes('its end', () => back.frames.at(-1)?.type === 'end');

  assert.deepEqual(back.closes, []);
  const data = back.frames.flatMap((frame) => (frame.type === 'data' ? [frame] : []));
  assert.equal(data.length, 10_000);
  for (const [count, { channel, bytes }] of data.entries())
    assert.deepEqual([channel, bytes[0]], [channelOf(count), count % 128]);
});
