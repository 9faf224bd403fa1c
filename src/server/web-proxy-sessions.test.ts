import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSessions } from './web-proxy-sessions.ts';

const place = { host: 'box', workspace: 'web', port: 80 };
const session = { place, tokenId: 't-1' };
const minuteMs = 60_000;

/** With a clock that a test sets forward. */
function someSessions() {
  let time = Date.parse('2026-01-01T00:00:00Z');
  const sessions = new WebSessions(() => new Date(time));
  const open = (of = session) => sessions.redeem(sessions.createTicket(of).ticket, () => true) ?? '';
  const pass = (ms: number) => {
    time += ms;
  };
  return { sessions, open, pass };
}

test('a ticket counts once, for a minute, and for its place', () => {
  const { sessions, pass } = someSessions();
  const [one, late, elsewhere] = [1, 2, 3].map(() => sessions.createTicket(session).ticket);

  assert.deepEqual(sessions.find(sessions.redeem(one ?? '', () => true) ?? '')?.place, place);
  assert.equal(
    sessions.redeem(one ?? '', () => true),
    undefined,
  );
  assert.equal(
    sessions.redeem(elsewhere ?? '', () => false),
    undefined,
  );
  assert.equal(
    sessions.redeem(elsewhere ?? '', () => true),
    undefined,
  );
  pass(minuteMs);
  assert.equal(
    sessions.redeem(late ?? '', () => true),
    undefined,
  );
});

test('a session that is used lasts half a day, another one an hour', () => {
  const { sessions, open, pass } = someSessions();
  const [used, unused] = [open(), open()];

  for (let minutes = 0; minutes < 12 * 60 - 59; minutes += 59) {
    assert.ok(sessions.find(used), `after ${minutes} minutes`);
    pass(59 * minuteMs);
  }

  assert.equal(sessions.find(unused), undefined);
  pass(59 * minuteMs);
  assert.equal(sessions.find(used), undefined);
});

test('of one token only so many are kept, the newest, and no other loses any', () => {
  const { sessions, open } = someSessions();
  const other = open({ ...session, tokenId: 't-2' });
  const first = open();
  const last = Array.from({ length: 100 }, () => open()).at(-1) ?? '';

  assert.equal(sessions.find(first), undefined);
  assert.ok(sessions.find(last));
  assert.ok(sessions.find(other));
});
