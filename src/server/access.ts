import { createHash, randomBytes } from 'node:crypto';
import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import {
  type JoinToken,
  joinTokenSchema,
  type Role,
  type User,
  type UserToken,
  userSchema,
  userTokenSchema,
} from '../contracts/fleet.ts';
import type { ActivityLog } from './activity.ts';
import type { UserCaller } from './handler.ts';

export interface AccessPorts {
  readonly database: SqliteDatabase;
  readonly activity: ActivityLog;
  readonly now: () => Date;
}

const secretBytes = 32;
/** How exact `lastUsedAt` is: not every request writes. */
const lastUsedMs = 60_000;

/** Users and what lets them in. Tokens are 256 random bits; only their sha256 is kept. */
export class Access {
  readonly #database: SqliteDatabase;
  readonly #activity: ActivityLog;
  readonly #now: () => Date;

  constructor({ database, activity, now }: AccessPorts) {
    this.#database = database;
    this.#activity = activity;
    this.#now = now;
  }

  get hasUsers(): boolean {
    return this.#database.get('SELECT 1 FROM users LIMIT 1') !== undefined;
  }

  /** Undefined for a token that is none, is revoked or has expired. */
  userOf(token: string): { readonly user: User; readonly tokenId: string } | undefined {
    const row = this.#database.get(
      `SELECT users.*, token_id, last_used_at, expires_at FROM tokens JOIN users ON users.name = tokens.user WHERE digest = ?`,
      digestOfToken(token),
    );
    if (row === undefined) return undefined;
    const now = this.#now();
    const expiresAt = row['expires_at'];
    if (typeof expiresAt === 'string' && expiresAt <= now.toISOString()) return undefined;
    const tokenId = String(row['token_id']);
    if (now.getTime() - Date.parse(String(row['last_used_at'] ?? 0)) > lastUsedMs) {
      this.#database.run('UPDATE tokens SET last_used_at = ? WHERE token_id = ?', now.toISOString(), tokenId);
    }
    return { user: userFromRow(row), tokenId };
  }

  users(): User[] {
    return this.#database.all('SELECT * FROM users ORDER BY name').map(userFromRow);
  }

  /** Also makes their first token. */
  addUser(name: string, role: Role, actor: string): { readonly user: User; readonly token: string } {
    return this.#database.transaction(() => {
      if (this.#database.get('SELECT 1 FROM users WHERE name = ?', name) !== undefined)
        throw new AppError('task-conflict', `Cannot add user "${name}": there is one`);
      const createdAt = this.#now().toISOString();
      this.#database.run('INSERT INTO users VALUES (?, ?, ?)', name, role, createdAt);
      this.#activity.add({ actor, action: 'user.add', subject: `user:${name}`, details: { role } });
      const { token } = this.createToken(name, { label: 'first', actor });
      return { user: { name, role, createdAt }, token };
    });
  }

  changeRole(name: string, role: Role, actor: string): User {
    return this.#database.transaction(() => {
      const user = this.#user(name);
      if (user.role === 'admin' && role !== 'admin') this.#keepAnAdmin(name, 'change the role of');
      this.#database.run('UPDATE users SET role = ? WHERE name = ?', role, name);
      this.#activity.add({
        actor,
        action: 'user.role',
        subject: `user:${name}`,
        details: { from: user.role, to: role },
      });
      return { ...user, role };
    });
  }

  removeUser(name: string, actor: string): void {
    this.#database.transaction(() => {
      if (this.#user(name).role === 'admin') this.#keepAnAdmin(name, 'remove');
      this.#database.run('DELETE FROM users WHERE name = ?', name);
      this.#activity.add({ actor, action: 'user.remove', subject: `user:${name}` });
    });
  }

  tokensOf(caller: UserCaller): UserToken[] {
    const rows =
      caller.user.role === 'admin'
        ? this.#database.all('SELECT * FROM tokens ORDER BY created_at, token_id')
        : this.#database.all('SELECT * FROM tokens WHERE user = ? ORDER BY created_at, token_id', caller.user.name);
    return rows.map(tokenFromRow);
  }

  createToken(
    user: string,
    given: { readonly label: string; readonly ttlSeconds?: number | undefined; readonly actor: string },
  ): { readonly token: string; readonly tokenId: string } {
    const { token, tokenId, digest } = makeToken('agora-user');
    return this.#database.transaction(() => {
      this.#database.run(
        'INSERT INTO tokens (token_id, digest, user, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
        tokenId,
        digest,
        user,
        given.label,
        this.#now().toISOString(),
        given.ttlSeconds === undefined ? null : this.#after(given.ttlSeconds),
      );
      const details = { tokenId, label: given.label };
      this.#activity.add({ actor: given.actor, action: 'token.create', subject: `user:${user}`, details });
      return { token, tokenId };
    });
  }

  /** One of the caller's own; an admin may take anybody's away. */
  revokeToken(tokenId: string, caller: UserCaller): void {
    this.#database.transaction(() => {
      const owner = this.#database.get('SELECT user FROM tokens WHERE token_id = ?', tokenId)?.['user'];
      const isTheirs = owner === caller.user.name || caller.user.role === 'admin';
      if (owner === undefined || !isTheirs)
        throw new AppError('not-found', `Cannot revoke token "${tokenId}": you have none of this id`);
      this.#database.run('DELETE FROM tokens WHERE token_id = ?', tokenId);
      const details = { tokenId };
      this.#activity.add({ actor: actorOf(caller), action: 'token.revoke', subject: `user:${owner}`, details });
    });
  }

  joinTokens(): JoinToken[] {
    return this.#database.all('SELECT * FROM join_tokens ORDER BY created_at, token_id').map(joinTokenFromRow);
  }

  /** `fingerprint` of the server's key is part of it: a host that holds it knows whom to trust. */
  createJoinToken(
    given: { readonly uses: number; readonly ttlSeconds: number; readonly fingerprint: string },
    createdBy: string,
  ): { readonly joinToken: string; readonly tokenId: string } {
    const { token, tokenId, digest } = makeToken(`agora-join.${given.fingerprint}`);
    return this.#database.transaction(() => {
      const [now, expiresAt] = [this.#now().toISOString(), this.#after(given.ttlSeconds)];
      this.#database.run(
        'INSERT INTO join_tokens VALUES (?, ?, ?, ?, ?, ?)',
        tokenId,
        digest,
        createdBy,
        now,
        expiresAt,
        given.uses,
      );
      const details = { tokenId, uses: given.uses, expiresAt };
      this.#activity.add({ actor: `user:${createdBy}`, action: 'join-token.create', subject: 'server', details });
      return { joinToken: token, tokenId };
    });
  }

  revokeJoinToken(tokenId: string, actor: string): void {
    this.#database.transaction(() => {
      if (this.#database.run('DELETE FROM join_tokens WHERE token_id = ?', tokenId) === 0)
        throw new AppError('not-found', `Cannot revoke join token "${tokenId}": there is none of this id`);
      this.#activity.add({ actor, action: 'join-token.revoke', subject: 'server', details: { tokenId } });
    });
  }

  /** Takes one use of it; its id. Undefined for one that is none, has expired or is used up. Inside a transaction. */
  useJoinToken(token: string): string | undefined {
    const row = this.#database.get('SELECT * FROM join_tokens WHERE digest = ?', digestOfToken(token));
    if (row === undefined) return undefined;
    const { tokenId, expiresAt, usesLeft } = joinTokenFromRow(row);
    if (expiresAt <= this.#now().toISOString() || usesLeft <= 0) return undefined;
    this.#database.run('UPDATE join_tokens SET uses_left = uses_left - 1 WHERE token_id = ?', tokenId);
    return tokenId;
  }

  #user(name: string): User {
    const row = this.#database.get('SELECT * FROM users WHERE name = ?', name);
    if (row === undefined) throw new AppError('not-found', `Cannot find user "${name}": there is none`);
    return userFromRow(row);
  }

  #keepAnAdmin(name: string, verb: string): void {
    const others = this.#database.get(`SELECT 1 FROM users WHERE role = 'admin' AND name <> ? LIMIT 1`, name);
    if (others !== undefined) return;
    throw new AppError('refused', `Cannot ${verb} user "${name}": nobody else is an admin`, {
      next: 'Make another user an admin first: agora user role <name> admin',
    });
  }

  #after(seconds: number): string {
    return new Date(this.#now().getTime() + seconds * 1000).toISOString();
  }
}

export function actorOf(caller: UserCaller): string {
  return `user:${caller.user.name}`;
}

function makeToken(prefix: string) {
  const token = `${prefix}.${randomBytes(secretBytes).toString('base64url')}`;
  return { token, tokenId: `t-${randomBytes(8).toString('hex')}`, digest: digestOfToken(token) };
}

/** Looked up by its hash, so that no comparison tells how much of it was right. */
function digestOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function userFromRow(row: SqlRow): User {
  return userSchema.parse({ name: row['name'], role: row['role'], createdAt: row['created_at'] });
}

function tokenFromRow(row: SqlRow): UserToken {
  return userTokenSchema.parse({
    tokenId: row['token_id'],
    user: row['user'],
    label: row['label'],
    createdAt: row['created_at'],
    lastUsedAt: row['last_used_at'] ?? undefined,
    expiresAt: row['expires_at'] ?? undefined,
  });
}

function joinTokenFromRow(row: SqlRow): JoinToken {
  return joinTokenSchema.parse({
    tokenId: row['token_id'],
    createdBy: row['created_by'],
    createdAt: row['created_at'],
    expiresAt: row['expires_at'],
    usesLeft: Math.max(0, Number(row['uses_left'])),
  });
}
