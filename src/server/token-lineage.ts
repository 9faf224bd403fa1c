import type { SqliteDatabase } from '../base/sqlite-database.ts';

/** Which tokens of users were made with which, in the server's database. */
export class TokenLineage {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** One and all that were made with it, and with those; ids, itself first. */
  from(tokenId: string): string[] {
    const sql = `WITH RECURSIVE line (token_id) AS (
        SELECT ? UNION SELECT tokens.token_id FROM tokens JOIN line ON tokens.made_with = line.token_id)
      SELECT token_id FROM line`;
    return this.#database.all(sql, tokenId).map((row) => String(row['token_id']));
  }

  /** Those that were made with it are from now on as if made with what it was made with. */
  handUp(tokenId: string): void {
    const sql = 'UPDATE tokens SET made_with = (SELECT made_with FROM tokens WHERE token_id = ?1) WHERE made_with = ?1';
    this.#database.run(sql, tokenId);
  }
}
