import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { isAppError } from '../contracts/errors.ts';
import { Access } from './access.ts';
import { ActivityLog } from './activity.ts';
import type { UserCaller } from './handler.ts';
import { migrations } from './store-schema.ts';

async function anAccess(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-access-'));
  const database = new SqliteDatabase({ file: join(folder, 'server.db'), subject: 'server state', migrations });
  t.after(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });
  const clock = { now: new Date('2026-01-01T00:00:00.000Z') };
  const now = () => clock.now;
  const activity = new ActivityLog(database, now);
  const access = new Access({ database, activity, now });
  const caller = (name: string, role: 'admin' | 'viewer'): UserCaller => ({
    kind: 'user',
    user: { name, role, createdAt: '2026-01-01T00:00:00.000Z' },
    tokenId: 't',
  });
  return { access, activity, clock, caller, file: join(folder, 'server.db') };
}

test('a token lets its user in until it is revoked or has expired, and no other text does', async (t) => {
  const { access, clock, caller } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  const short = access.createToken('ann', { label: 'ci', ttlSeconds: 60, actor: 'user:ann' });

  assert.equal(access.userOf(token)?.user.name, 'ann');
  assert.equal(access.userOf(short.token)?.tokenId, short.tokenId);
  for (const wrong of ['', 'x', `${token}A`, token.slice(0, -1), token.toUpperCase()])
    assert.equal(access.userOf(wrong), undefined);
  clock.now = new Date('2026-01-01T00:01:00.000Z');
  assert.equal(access.userOf(short.token), undefined);
  const first = access.tokensOf(caller('ann', 'admin')).find(({ label }) => label === 'first');
  access.revokeToken(first?.tokenId ?? '', caller('ann', 'admin'));
  assert.equal(access.userOf(token), undefined);
});

test('nobody sees or revokes the tokens of others, but an admin', async (t) => {
  const { access, caller } = await anAccess(t);
  access.addUser('ann', 'admin', 'server');
  const { token } = access.addUser('bob', 'viewer', 'user:ann');
  const theirs = access.tokensOf(caller('bob', 'viewer'));

  assert.deepEqual(
    theirs.map(({ user }) => user),
    ['bob'],
  );
  const [anns] = access.tokensOf(caller('ann', 'admin')).filter(({ user }) => user === 'ann');
  assert.throws(
    () => access.revokeToken(anns?.tokenId ?? '', caller('bob', 'viewer')),
    (error) => isAppError(error, 'not-found'),
  );
  access.revokeToken(theirs[0]?.tokenId ?? '', caller('ann', 'admin'));
  assert.equal(access.userOf(token), undefined);
});

test('the last admin can neither be removed nor made less', async (t) => {
  const { access } = await anAccess(t);
  access.addUser('ann', 'admin', 'server');
  access.addUser('bob', 'viewer', 'user:ann');
  const isRefused = (error: unknown) => isAppError(error, 'refused') && /nobody else is an admin/.test(error.message);

  assert.throws(() => access.removeUser('ann', 'user:ann'), isRefused);
  assert.throws(() => access.changeRole('ann', 'viewer', 'user:ann'), isRefused);
  access.changeRole('bob', 'admin', 'user:ann');
  access.removeUser('ann', 'user:bob');
  assert.deepEqual(
    access.users().map(({ name, role }) => [name, role]),
    [['bob', 'admin']],
  );
});

test('a join token admits as many hosts as it says, within its time', async (t) => {
  const { access, clock, caller } = await anAccess(t);
  const { user } = access.addUser('ann', 'admin', 'server');
  const two = access.createJoinToken({ uses: 2, ttlSeconds: 60, fingerprint: 'aaaa-bbbb-cccc-dddd' }, user.name);
  const late = access.createJoinToken({ uses: 1, ttlSeconds: 60, fingerprint: 'aaaa-bbbb-cccc-dddd' }, user.name);

  assert.match(two.joinToken, /^agora-join\.aaaa-bbbb-cccc-dddd\.[\w-]{43}$/);
  assert.equal(access.useJoinToken(two.joinToken), two.tokenId);
  assert.equal(access.useJoinToken(two.joinToken), two.tokenId);
  assert.equal(access.useJoinToken(two.joinToken), undefined);
  clock.now = new Date('2026-01-01T00:01:00.000Z');
  assert.equal(access.useJoinToken(late.joinToken), undefined);
  assert.equal(access.userOf(late.joinToken), undefined);
  access.revokeJoinToken(late.tokenId, `user:${caller('ann', 'admin').user.name}`);
  assert.deepEqual(
    access.joinTokens().map(({ usesLeft }) => usesLeft),
    [0],
  );
});

test('every change is in the activity log, which holds no token and cannot be changed', async (t) => {
  const { access, activity, file } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  access.changeRole('ann', 'admin', 'user:ann');
  const { joinToken } = access.createJoinToken({ uses: 1, ttlSeconds: 60, fingerprint: 'f' }, 'ann');

  const entries = activity.list({ limit: 10 });
  assert.deepEqual(
    entries.map(({ sequence, actor, action }) => [sequence, actor, action]),
    [
      [4, 'user:ann', 'join-token.create'],
      [3, 'user:ann', 'user.role'],
      [2, 'server', 'token.create'],
      [1, 'server', 'user.add'],
    ],
  );
  assert.ok(
    !JSON.stringify(entries).includes(token.slice(-20)) && !JSON.stringify(entries).includes(joinToken.slice(-20)),
  );
  assert.deepEqual(
    activity.list({ limit: 1, before: 3, subject: 'user:ann' }).map(({ sequence }) => sequence),
    [2],
  );
  const database = new SqliteDatabase({ file, subject: 'server state', migrations });
  assert.throws(() => database.run('UPDATE activity SET actor = ?', 'x'), /only added to/);
  assert.throws(() => database.run('DELETE FROM activity'), /only added to/);
  database.close();
});
