import type { SqlRow } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import { type JoinToken, joinTokenSchema } from '../contracts/fleet.ts';
import type { AccessPorts } from './access.ts';
import { digestOfToken, makeToken } from './secret-token.ts';

export interface NewJoinToken {
  readonly uses: number;
  readonly ttlSeconds: number;
  /** Of the server's key, and part of the token: a host that holds it knows whom to trust. */
  readonly fingerprint: string;
}

/** What admits hosts. Only the sha256 of each is kept. */
export class JoinTokens {
  readonly #ports: AccessPorts;

  constructor(ports: AccessPorts) {
    this.#ports = ports;
  }

  list(): JoinToken[] {
    return this.#ports.database.all('SELECT * FROM join_tokens ORDER BY created_at, token_id').map(fromRow);
  }

  create({ uses, ttlSeconds, fingerprint }: NewJoinToken, createdBy: string) {
    const { database, activity, now } = this.#ports;
    const { token, tokenId, digest } = makeToken(`agora-join.${fingerprint}`);
    return database.transaction(() => {
      const at = now();
      const expiresAt = new Date(at.getTime() + ttlSeconds * 1000).toISOString();
      const sql = 'INSERT INTO join_tokens VALUES (?, ?, ?, ?, ?, ?)';
      database.run(sql, tokenId, digest, createdBy, at.toISOString(), expiresAt, uses);
      const details = { tokenId, uses, expiresAt };
      activity.add({ actor: `user:${createdBy}`, action: 'join-token.create', subject: 'server', details });
      return { joinToken: token, tokenId };
    });
  }

  revoke(tokenId: string, actor: string): void {
    const { database, activity } = this.#ports;
    database.transaction(() => {
      if (database.run('DELETE FROM join_tokens WHERE token_id = ?', tokenId) === 0)
        throw new AppError('not-found', `Cannot revoke join token "${tokenId}": there is none of this id`);
      activity.add({ actor, action: 'join-token.revoke', subject: 'server', details: { tokenId } });
    });
  }

  /** Whether it admits a host now. */
  isGood(token: string): boolean {
    return this.#usable(token) !== undefined;
  }

  /** Takes one use of it; its id. Undefined for one that is none, has expired or is used up. Inside a transaction. */
  use(token: string): string | undefined {
    const tokenId = this.#usable(token)?.tokenId;
    if (tokenId === undefined) return undefined;
    this.#ports.database.run('UPDATE join_tokens SET uses_left = uses_left - 1 WHERE token_id = ?', tokenId);
    return tokenId;
  }

  #usable(token: string): JoinToken | undefined {
    const { database, now } = this.#ports;
    const row = database.get('SELECT * FROM join_tokens WHERE digest = ?', digestOfToken(token));
    const found = row && fromRow(row);
    return found !== undefined && found.expiresAt > now().toISOString() && found.usesLeft > 0 ? found : undefined;
  }
}

function fromRow(row: SqlRow): JoinToken {
  return joinTokenSchema.parse({
    tokenId: row['token_id'],
    createdBy: row['created_by'],
    createdAt: row['created_at'],
    expiresAt: row['expires_at'],
    usesLeft: Math.max(0, Number(row['uses_left'])),
  });
}
