import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Role, User, UserToken } from '../contracts/fleet.ts';
import { reachFromRow, tokenFromRow, userFromRow } from './access-rows.ts';
import type { ActivityLog } from './activity.ts';
import type { UserCaller } from './handler.ts';
import { JoinTokens } from './join-tokens.ts';
import { digestOfToken, makeToken } from './secret-token.ts';
import { TokenLineage } from './token-lineage.ts';
import { lower, reachOf, type TokenReach, type WantedReach } from './token-reach.ts';

export interface AccessPorts {
  readonly database: SqliteDatabase;
  readonly activity: ActivityLog;
  readonly now: () => Date;
}

/** How exact `lastUsedAt` is: not every request writes. */
const lastUsedMs = 60_000;

/** A person needs a few, and nobody looks through more. */
const mostTokens = 1_000;
/** For so long people see that one has expired. */
const expiredKeptMs = 30 * 86_400_000;

export interface NewToken extends TokenReach {
  readonly label: string;
  readonly actor: string;
  /** The token that it was made with; that of another user is only in the activity log, and it does not end with it. */
  readonly madeWith?: { readonly tokenId: string; readonly user: string };
}

/** Users and what lets them in. Only the sha256 of a token is kept. */
export class Access {
  readonly joinTokens: JoinTokens;
  readonly #database: SqliteDatabase;
  readonly #activity: ActivityLog;
  readonly #now: () => Date;
  readonly #lineage: TokenLineage;

  constructor(ports: AccessPorts) {
    const { database, activity, now } = ports;
    this.joinTokens = new JoinTokens(ports);
    this.#database = database;
    this.#activity = activity;
    this.#now = now;
    this.#lineage = new TokenLineage(database);
  }

  get hasUsers(): boolean {
    return this.#database.get('SELECT 1 FROM users LIMIT 1') !== undefined;
  }

  /** With the role that the token lets them have. Undefined for a token that is none, is revoked or has expired. */
  userOf(token: string): { readonly user: User; readonly tokenId: string } | undefined {
    return this.#userBy('digest', digestOfToken(token));
  }

  /** The same by the token's id: of one that was let in before, as it is now. */
  userWith(tokenId: string): { readonly user: User; readonly tokenId: string } | undefined {
    return this.#userBy('token_id', tokenId);
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
      const { token } = this.addToken(name, { label: 'first', actor, role: undefined, expiresAt: undefined });
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

  /** One of the caller's own, or for an admin of anybody's, that reaches no further than `reachOf` lets it. */
  createToken(caller: UserCaller, given: WantedReach & { readonly label: string; readonly user?: string | undefined }) {
    const { user: owner = caller.user.name, label } = given;
    const isAdmin = caller.user.role === 'admin';
    if (owner !== caller.user.name && !isAdmin)
      throw new AppError('refused', `Cannot make a token of user "${owner}": only an admin makes those of others`);
    return this.#database.transaction(() => {
      const maker = this.#database.get(
        'SELECT role AS token_role, expires_at FROM tokens WHERE token_id = ?',
        caller.tokenId,
      );
      if (maker === undefined)
        throw new AppError('unauthenticated', 'Cannot make a token: the one at hand was revoked');
      const own = { ...reachFromRow(maker), isAdmin };
      const reach = reachOf(given, own, { now: this.#now(), userRole: this.#user(owner).role });
      return this.addToken(owner, {
        ...reach,
        label,
        actor: actorOf(caller),
        madeWith: { tokenId: caller.tokenId, user: caller.user.name },
      });
    });
  }

  /** Of any reach. */
  addToken(user: string, { label, role, expiresAt, actor, madeWith: maker }: NewToken) {
    const madeWith = maker?.tokenId;
    const { token, tokenId, digest } = makeToken('agora-user');
    return this.#database.transaction(() => {
      if (this.#liveTokens(user) >= mostTokens) {
        throw new AppError('limit-exceeded', `Cannot make a token: "${user}" has ${mostTokens} already`, {
          next: 'Revoke some: agora token list, agora token revoke <id>',
        });
      }
      this.#database.run(
        `INSERT INTO tokens (token_id, digest, user, label, created_at, expires_at, role, made_with)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        tokenId,
        digest,
        user,
        label,
        this.#now().toISOString(),
        expiresAt ?? null,
        role ?? null,
        maker?.user === user ? maker.tokenId : null,
      );
      const details = { tokenId, label, role, expiresAt, madeWith };
      this.#activity.add({ actor, action: 'token.create', subject: `user:${user}`, details });
      return { token, tokenId, ...(expiresAt !== undefined && { expiresAt }) };
    });
  }

  /**
   * One of the caller's own, with those that were made with it; an admin may take anybody's away. A token for a lower role than its user's
   * takes only itself away, and what was made with it. Gives all that are gone, itself first.
   */
  revokeToken(tokenId: string, caller: UserCaller, { made }: { readonly made: 'revoke' | 'keep' }): UserToken[] {
    return this.#database.transaction(() => {
      const owner = this.#database.get('SELECT user FROM tokens WHERE token_id = ?', tokenId)?.['user'];
      const isWhole = this.#user(caller.user.name).role === caller.user.role;
      const isTheirs =
        tokenId === caller.tokenId || (owner === caller.user.name && isWhole) || caller.user.role === 'admin';
      if (owner === undefined || !isTheirs)
        throw new AppError('not-found', `Cannot revoke token "${tokenId}": you have none of this id`);
      const ids = made === 'keep' ? [tokenId] : this.#lineage.from(tokenId);
      if (tokenId !== caller.tokenId && ids.includes(caller.tokenId)) throw madeWithIt(tokenId);
      if (made === 'keep') this.#lineage.handUp(tokenId);
      return ids.map((id) => this.#forget(id, { tokenId, actor: actorOf(caller) }));
    });
  }

  #forget(id: string, { tokenId, actor }: { readonly tokenId: string; readonly actor: string }): UserToken {
    const gone = tokenFromRow(this.#database.get('SELECT * FROM tokens WHERE token_id = ?', id) ?? {});
    this.#database.run('DELETE FROM tokens WHERE token_id = ?', id);
    const details = { tokenId: id, ...(id !== tokenId && { with: tokenId }) };
    this.#activity.add({ actor, action: 'token.revoke', subject: `user:${gone.user}`, details });
    return gone;
  }

  #liveTokens(user: string): number {
    const now = this.#now();
    const forgottenBefore = new Date(now.getTime() - expiredKeptMs).toISOString();
    const hasMade = 'EXISTS (SELECT 1 FROM tokens AS made WHERE made.made_with = tokens.token_id)';
    const old = `DELETE FROM tokens WHERE user = ? AND expires_at < ? AND NOT ${hasMade}`;
    this.#database.run(old, user, forgottenBefore);
    const sql = 'SELECT count(*) AS count FROM tokens WHERE user = ? AND (expires_at IS NULL OR expires_at > ?)';
    return Number(this.#database.get(sql, user, now.toISOString())?.['count']);
  }

  #userBy(column: 'digest' | 'token_id', value: string): { readonly user: User; readonly tokenId: string } | undefined {
    const row = this.#database.get(
      `SELECT users.*, token_id, last_used_at, expires_at, tokens.role AS token_role
       FROM tokens JOIN users ON users.name = tokens.user WHERE ${column} = ?`,
      value,
    );
    if (row === undefined) return undefined;
    const { role, expiresAt } = reachFromRow(row);
    const now = this.#now();
    if (expiresAt !== undefined && expiresAt <= now.toISOString()) return undefined;
    const tokenId = String(row['token_id']);
    const unusedMs = now.getTime() - Date.parse(String(row['last_used_at'] ?? 0));
    if (unusedMs > lastUsedMs || unusedMs < 0) this.#noteUse(tokenId, now);
    const user = userFromRow(row);
    return { user: { ...user, role: lower(user.role, role) }, tokenId };
  }

  /** Nobody is kept out because this cannot be written: the disk may be full. */
  #noteUse(tokenId: string, now: Date): void {
    try {
      this.#database.run('UPDATE tokens SET last_used_at = ? WHERE token_id = ?', now.toISOString(), tokenId);
    } catch (error) {
      if (!isAppError(error)) throw error;
    }
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
}

export function actorOf(caller: UserCaller): string {
  return `user:${caller.user.name}`;
}

function madeWithIt(tokenId: string): AppError {
  return new AppError(
    'refused',
    `Cannot revoke token "${tokenId}": the one at hand was made with it, and would end too`,
    {
      next: `Keep those that were made with it: agora token revoke ${tokenId} --keep-made`,
    },
  );
}
