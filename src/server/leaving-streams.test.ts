import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeavingStreams } from './leaving-streams.ts';

test('what pages of a user leave unread is counted apart, and only until it was read', () => {
  const leaving = new LeavingStreams();
  const [own, ofPage] = [{ user: 'olga', isPage: false } as const, { user: 'olga', isPage: true } as const];
  const unread = { isLeaving: true };

  leaving.add(ofPage, unread);
  leaving.add(ofPage, { isLeaving: true });
  leaving.add(own, { isLeaving: true });
  leaving.add(own, { isLeaving: false });
  assert.deepEqual([leaving.count(own), leaving.count(ofPage)], [1, 2]);

  unread.isLeaving = false;
  assert.equal(leaving.count(ofPage), 1);
});
