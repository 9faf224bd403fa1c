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
  return { access, activity, clock, caller, database, file: join(folder, 'server.db') };
}

/** Who has this token. */
function asMaker(access: Access, token: string): UserCaller {
  return { kind: 'user', ...(access.userOf(token) ?? assert.fail('it lets nobody in')) };
}

test('a token lets its user in until it is revoked or has expired, and no other text does', async (t) => {
  const { access, clock, caller } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  const short = access.createToken(asMaker(access, token), { label: 'ci', ttlSeconds: 60 });

  assert.equal(access.userOf(token)?.user.name, 'ann');
  assert.equal(access.userOf(short.token)?.tokenId, short.tokenId);
  for (const wrong of ['', 'x', `${token}A`, token.slice(0, -1), token.toUpperCase()])
    assert.equal(access.userOf(wrong), undefined);
  clock.now = new Date('2026-01-01T00:01:00.000Z');
  assert.equal(access.userOf(short.token), undefined);
  const first = access.tokensOf(caller('ann', 'admin')).find(({ label }) => label === 'first');
  access.revokeToken(first?.tokenId ?? '', caller('ann', 'admin'), { made: 'revoke' });
  assert.equal(access.userOf(token), undefined);
});

test('a token that is made with another one reaches no further, and what is not said is as that one has it', async (t) => {
  const { access, clock } = await anAccess(t);
  access.addUser('ann', 'admin', 'server');
  const { token } = access.addUser('bob', 'operator', 'user:ann');
  const short = access.createToken(asMaker(access, token), { label: 'ci', ttlSeconds: 3_600, role: 'viewer' });
  const maker = asMaker(access, short.token);
  const isRefused = (said: RegExp) => (error: unknown) => isAppError(error, 'refused') && said.test(error.message);

  assert.equal(maker.user.role, 'viewer');
  const longer = () => access.createToken(maker, { label: 'x', ttlSeconds: 3_601 });
  assert.throws(longer, isRefused(/the one it is made with ends 2026-01-01T01:00:00\.000Z/));
  assert.throws(() => access.createToken(maker, { label: 'x', role: 'operator' }), isRefused(/more than "viewer"/));
  assert.throws(() => access.createToken(maker, { label: 'x', user: 'ann' }), isRefused(/only an admin/));
  assert.throws(
    () => access.createToken(asMaker(access, token), { label: 'x', role: 'admin' }),
    isRefused(/"operator"/),
  );
  assert.throws(
    () => access.revokeToken(asMaker(access, token).tokenId, maker, { made: 'revoke' }),
    (error) => isAppError(error, 'not-found'),
  );
  const same = access.createToken(maker, { label: 'same' });
  assert.equal(same.expiresAt, short.expiresAt);
  assert.equal(access.userOf(same.token)?.user.role, 'viewer');
  access.changeRole('bob', 'admin', 'user:ann');
  assert.equal(access.userOf(same.token)?.user.role, 'viewer');
  clock.now = new Date('2026-01-01T01:00:00.000Z');
  assert.equal(access.userOf(same.token), undefined);
  assert.throws(
    () => access.createToken({ ...maker, tokenId: 't-gone' }, { label: 'x' }),
    (error) => isAppError(error, 'unauthenticated'),
  );
});

test('an admin decides of any reach, for anybody', async (t) => {
  const { access } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  access.addUser('bob', 'operator', 'user:ann');
  const short = access.createToken(asMaker(access, token), { label: 'today', ttlSeconds: 60 });
  const maker = asMaker(access, short.token);

  assert.equal(access.createToken(maker, { label: 'x' }).expiresAt, short.expiresAt);
  const bobs = access.createToken(maker, { label: 'x', user: 'bob', ttlSeconds: 3_600 });
  assert.equal(bobs.expiresAt, '2026-01-01T01:00:00.000Z');
  assert.deepEqual(access.userOf(bobs.token)?.user.name, 'bob');
  const more = () => access.createToken(maker, { label: 'x', user: 'bob', role: 'admin' });
  assert.throws(more, (error) => isAppError(error, 'refused'));
  assert.throws(
    () => access.createToken(maker, { label: 'x', user: 'eve' }),
    (error) => isAppError(error, 'not-found'),
  );
});

test('with a token end those that were made with it, but for those of others or where they are to stay', async (t) => {
  const { access, activity, clock } = await anAccess(t);
  const ann = asMaker(access, access.addUser('ann', 'admin', 'server').token);
  access.addUser('bob', 'operator', 'user:ann');
  const make = (maker: UserCaller, user?: string) => access.createToken(maker, { label: 'x', user }).token;
  const isAlive = (tokens: readonly string[]) => tokens.map((token) => access.userOf(token) !== undefined);
  const stolen = make(ann);
  const child = make(asMaker(access, stolen));
  const grandchild = make(asMaker(access, child));
  const bobs = make(asMaker(access, stolen), 'bob');

  assert.throws(
    () => access.revokeToken(asMaker(access, stolen).tokenId, asMaker(access, grandchild), { made: 'revoke' }),
    (error) => isAppError(error, 'refused') && /the one at hand was made with it/.test(error.message),
  );
  const kept = access.revokeToken(asMaker(access, child).tokenId, asMaker(access, grandchild), { made: 'keep' });
  clock.now = new Date('2026-03-01T00:00:00.000Z');
  const before = isAlive([stolen, child, grandchild, bobs]);
  const gone = access.revokeToken(asMaker(access, stolen).tokenId, ann, { made: 'revoke' });

  assert.deepEqual(before, [true, false, true, true]);
  assert.deepEqual(isAlive([stolen, grandchild, bobs]), [false, false, true]);
  assert.deepEqual([kept.length, gone.length], [1, 2]);
  assert.equal(gone[1]?.madeWith, gone[0]?.tokenId);
  assert.deepEqual(activity.list({ limit: 1 })[0]?.details, { tokenId: gone[1]?.tokenId, with: gone[0]?.tokenId });
});

test('a token that has expired is remembered for as long as others that were made with it', async (t) => {
  const { access, clock } = await anAccess(t);
  const ann = asMaker(access, access.addUser('ann', 'admin', 'server').token);
  const first = access.createToken(ann, { label: 'first' });
  const short = access.createToken(asMaker(access, first.token), { label: 'short', ttlSeconds: 60 });
  const long = access.createToken(asMaker(access, short.token), { label: 'long', ttlSeconds: 365 * 86_400 });
  clock.now = new Date('2026-06-01T00:00:00.000Z');

  access.createToken(ann, { label: 'another' });
  access.revokeToken(first.tokenId, ann, { made: 'revoke' });

  assert.equal(access.userOf(long.token), undefined);
});

test('who has very many tokens gets no more, until some were revoked or have expired', async (t) => {
  const { access, clock, database } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  const maker = asMaker(access, token);
  const make = () => access.createToken(maker, { label: 'x', ttlSeconds: 60 });

  database.transaction(() => {
    for (let count = 1; count < 1_000; count += 1) make();
  });

  assert.throws(make, (error) => isAppError(error, 'limit-exceeded'));
  clock.now = new Date('2026-01-01T00:01:00.000Z');
  make();
  assert.equal(access.tokensOf(maker).length, 1_001);
  clock.now = new Date('2026-02-01T00:00:00.000Z');
  make();
  assert.equal(access.tokensOf(maker).length, 2);
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
    () => access.revokeToken(anns?.tokenId ?? '', caller('bob', 'viewer'), { made: 'revoke' }),
    (error) => isAppError(error, 'not-found'),
  );
  access.revokeToken(theirs[0]?.tokenId ?? '', caller('ann', 'admin'), { made: 'revoke' });
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
  const two = access.joinTokens.create({ uses: 2, ttlSeconds: 60, fingerprint: 'aaaa-bbbb-cccc-dddd' }, user.name);
  const late = access.joinTokens.create({ uses: 1, ttlSeconds: 60, fingerprint: 'aaaa-bbbb-cccc-dddd' }, user.name);

  assert.match(two.joinToken, /^agora-join\.aaaa-bbbb-cccc-dddd\.[\w-]{43}$/);
  assert.equal(access.joinTokens.use(two.joinToken), two.tokenId);
  assert.equal(access.joinTokens.use(two.joinToken), two.tokenId);
  assert.equal(access.joinTokens.use(two.joinToken), undefined);
  clock.now = new Date('2026-01-01T00:01:00.000Z');
  assert.equal(access.joinTokens.use(late.joinToken), undefined);
  assert.equal(access.userOf(late.joinToken), undefined);
  access.joinTokens.revoke(late.tokenId, `user:${caller('ann', 'admin').user.name}`);
  assert.deepEqual(
    access.joinTokens.list().map(({ usesLeft }) => usesLeft),
    [0],
  );
});

test('every change is in the activity log, which holds no token and cannot be changed', async (t) => {
  const { access, activity, file } = await anAccess(t);
  const { token } = access.addUser('ann', 'admin', 'server');
  access.changeRole('ann', 'admin', 'user:ann');
  const { joinToken } = access.joinTokens.create({ uses: 1, ttlSeconds: 60, fingerprint: 'f' }, 'ann');

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
