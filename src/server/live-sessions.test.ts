import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionLimits } from '../contracts/session-wire.ts';
import { LiveSessions, noBytes, type Viewing } from './live-sessions.ts';
import { anOpen } from './suite-sessions.ts';

const user = { name: 'olga', role: 'operator' as const, createdAt: '2026-01-01T00:00:00Z' };
const seat = 'A'.repeat(43);

function aViewing(changes: Partial<Viewing> = {}): Viewing {
  return {
    caller: { kind: 'user', user, tokenId: 't' },
    address: '10.0.0.1',
    isPage: false,
    open: anOpen(),
    hostId: undefined,
    splice: undefined,
    accept: undefined,
    sessionId: undefined,
    opened: undefined,
    openedAt: new Date(0),
    carried: noBytes,
    ...changes,
  };
}

/** One whose viewer's link was lost. */
function waitingSession(live: LiveSessions): void {
  const viewing = aViewing();
  live.add(viewing);
  live.taken(viewing, {
    sessionId: 's-aaaaaaaaaa',
    seat,
    ...{ output: 0, input: 0, window: 1_024, credit: 1_024, terminal: false },
    lingerSeconds: 86_400,
  });
  const close = { code: 'detached', message: 'away' } as const;
  live.left(viewing, { close, carried: noBytes, isUnanswered: false });
  assert.equal(live.list()[0]?.state, 'waiting');
}

test('a session waits for its viewer no longer than the protocol says, whatever its host does', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const live = new LiveSessions();
  waitingSession(live);

  t.mock.timers.tick(sessionLimits.lingerSeconds * 1_000);

  assert.deepEqual(live.list(), []);
});

test('a session that its host has no more waits for nobody', (t) => {
  const live = new LiveSessions();
  t.after(() => live.close());
  waitingSession(live);
  const back = aViewing({ open: anOpen({ resume: { seat, received: 0, credit: 1_024 } }) });
  live.add(back);

  const close = { code: 'not-found', message: 'the session is over' } as const;
  live.left(back, { close, carried: noBytes, isUnanswered: false });

  assert.deepEqual(live.list(), []);
  assert.deepEqual(live.viewings, []);
});
