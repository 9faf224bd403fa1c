import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import {
  type Host,
  type HostFacts,
  type HostLink,
  type HostSettings,
  hostFactsSchema,
  hostSettingsSchema,
} from '../contracts/fleet.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';

export type Admission = Host['admission'];

/** A host as the database has it. */
export interface StoredHost
  extends Omit<Host, 'link' | 'sameMachineAs' | 'fingerprint' | 'desiredRevision' | 'appliedRevision'> {
  readonly sealingKey: string;
  readonly registrationToken: string;
  readonly isEncrypted: boolean;
  readonly lastSeenAt: string | undefined;
  readonly agentStartedAt: string | undefined;
  readonly engine: HostLink['engine'];
  readonly engineSince: string | undefined;
  readonly wantsNewKeys: boolean;
}

export type PendingHost = Pick<StoredHost, 'hostId' | 'address' | 'enrolledAt'>;
export type HostChanges = Partial<Omit<StoredHost, 'hostId' | 'enrolledAt'>>;

/** Hosts of a server, by id, name or key. */
export class HostStore {
  readonly #database: SqliteDatabase;
  /** As they were last read; no host that is being changed is here. */
  readonly #known = new Map<HostId, StoredHost>();
  readonly #seenAt = new Map<HostId, string>();
  /** What `flush` writes: a commit for each heartbeat would be most of what a server does. */
  readonly #unsaved = new Set<HostId>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** A sign of life, which is told at once and kept with the next `flush`. */
  saw(hostId: HostId, at: string): void {
    this.#seenAt.set(hostId, at);
    this.#unsaved.add(hostId);
  }

  /** Writes all signs of life since the last time, in one transaction. */
  flush(): void {
    if (this.#unsaved.size === 0) return;
    const sql = 'UPDATE hosts SET last_seen_at = ? WHERE host_id = ?';
    this.#database.relaxed(() => {
      for (const hostId of this.#unsaved) this.#database.run(sql, this.#seenAt.get(hostId) ?? null, hostId);
    });
    this.#unsaved.clear();
  }

  all(): StoredHost[] {
    return this.#listed('SELECT host_id FROM hosts ORDER BY name');
  }

  byId(hostId: HostId): StoredHost | undefined {
    const known = this.#known.get(hostId);
    if (known !== undefined) return this.#withSeen(known);
    const row = this.#database.get('SELECT * FROM hosts WHERE host_id = ?', hostId);
    if (row === undefined) return undefined;
    const stored = fromRow(row);
    // What a transaction changed may be undone yet.
    if (!this.#database.isInTransaction) this.#known.set(hostId, stored);
    return this.#withSeen(stored);
  }

  byKey(publicKey: string): StoredHost | undefined {
    return this.#listed('SELECT host_id FROM hosts WHERE public_key = ?', publicKey)[0];
  }

  /** By its name or id; `not-found` without one. */
  named(host: string): StoredHost {
    const id = hostIdSchema.safeParse(host).data;
    const found = id === undefined ? this.#listed('SELECT host_id FROM hosts WHERE name = ?', host)[0] : this.byId(id);
    if (found !== undefined) return found;
    throw new AppError('not-found', `Cannot find host "${host}": there is none`, {
      next: 'See them all: agora host ls',
    });
  }

  /** Other hosts of the same registration token, oldest first. */
  ofMachine(registrationToken: string, but: HostId): StoredHost[] {
    const sql = 'SELECT host_id FROM hosts WHERE registration_token = ? AND host_id <> ? ORDER BY enrolled_at, host_id';
    return this.#listed(sql, registrationToken, but);
  }

  count(admission: Admission): number {
    return Number(this.#database.get('SELECT count(*) AS count FROM hosts WHERE admission = ?', admission)?.['count']);
  }

  /** The wanted name, or with the lowest free number behind it; never one that an id could be. */
  freeName(wanted: string): string {
    const isTaken = (name: string) =>
      hostIdSchema.safeParse(name).success ||
      this.#database.get('SELECT 1 FROM hosts WHERE name = ?', name) !== undefined;
    for (let number = 1; ; number += 1) {
      const suffix = number === 1 ? '' : `-${number}`;
      const name = `${wanted.slice(0, 63 - suffix.length)}${suffix}`;
      if (!isTaken(name)) return name;
    }
  }

  /** The one that waits for approval and was silent for longest, where it was so since then. */
  silentPending(since: Date): StoredHost | undefined {
    this.flush();
    const sql = `SELECT host_id FROM hosts WHERE admission = 'pending' AND last_seen_at < ? ORDER BY last_seen_at LIMIT 1`;
    return this.#listed(sql, since.toISOString())[0];
  }

  /** Those that wait for approval, without all the rest of them. */
  pending(): PendingHost[] {
    const rows = this.#database.all(`SELECT host_id, address, enrolled_at FROM hosts WHERE admission = 'pending'`);
    return rows.map((row) => ({
      hostId: hostIdSchema.parse(row['host_id']),
      address: String(row['address']),
      enrolledAt: String(row['enrolled_at']),
    }));
  }

  add(host: StoredHost): void {
    const values = Object.entries(columnsOf(host));
    const sql = `INSERT INTO hosts (${values.map(([name]) => name).join(', ')}) VALUES (${values.map(() => '?').join(', ')})`;
    this.#database.run(sql, ...values.map(([, value]) => value));
  }

  change(hostId: HostId, changes: HostChanges): void {
    const values = Object.entries(columnsOf(changes));
    if (values.length === 0) return;
    this.#known.delete(hostId);
    if ('lastSeenAt' in changes) this.#forgetSeen(hostId);
    const sql = `UPDATE hosts SET ${values.map(([name]) => `${name} = ?`).join(', ')} WHERE host_id = ?`;
    this.#database.run(sql, ...values.map(([, value]) => value), hostId);
  }

  remove(hostId: HostId): void {
    this.#known.delete(hostId);
    this.#forgetSeen(hostId);
    this.#database.run('DELETE FROM hosts WHERE host_id = ?', hostId);
  }

  #listed(sql: string, ...parameters: string[]): StoredHost[] {
    return this.#database.all(sql, ...parameters).flatMap((row) => this.byId(hostIdSchema.parse(row['host_id'])) ?? []);
  }

  #forgetSeen(hostId: HostId): void {
    this.#seenAt.delete(hostId);
    this.#unsaved.delete(hostId);
  }

  #withSeen(stored: StoredHost): StoredHost {
    const lastSeenAt = this.#seenAt.get(stored.hostId);
    return lastSeenAt === undefined ? stored : { ...stored, lastSeenAt };
  }
}

type Column = string | number | null;

const columns: { readonly [Key in keyof StoredHost]-?: (value: StoredHost[Key]) => readonly [string, Column] } = {
  hostId: (value) => ['host_id', value],
  name: (value) => ['name', value],
  admission: (value) => ['admission', value],
  publicKey: (value) => ['public_key', value],
  sealingKey: (value) => ['sealing_key', value],
  registrationToken: (value) => ['registration_token', value],
  address: (value) => ['address', value],
  isEncrypted: (value) => ['is_encrypted', Number(value)],
  enrolledAt: (value) => ['enrolled_at', value],
  lastSeenAt: (value) => ['last_seen_at', value ?? null],
  agentStartedAt: (value) => ['agent_started_at', value ?? null],
  engine: (value) => ['engine', value],
  engineSince: (value) => ['engine_since', value ?? null],
  facts: (value) => ['facts', value === undefined ? null : JSON.stringify(value)],
  settings: (value) => ['settings', JSON.stringify(value)],
  wantsNewKeys: (value) => ['wants_new_keys', Number(value)],
};

function columnsOf(host: Partial<StoredHost>): Record<string, Column> {
  const entries = Object.entries(host).map(([key, value]) => {
    const column = columns[key as keyof StoredHost] as (value: unknown) => readonly [string, Column]; // Typed above.
    return column(value);
  });
  return Object.fromEntries(entries);
}

function fromRow(row: SqlRow): StoredHost {
  const text = (column: string) => (row[column] === null ? undefined : String(row[column]));
  return {
    hostId: hostIdSchema.parse(row['host_id']),
    name: String(row['name']),
    admission: String(row['admission']) as Admission, // Only `add` and `change` write it.
    publicKey: String(row['public_key']),
    sealingKey: String(row['sealing_key']),
    registrationToken: String(row['registration_token']),
    address: String(row['address']),
    isEncrypted: row['is_encrypted'] === 1,
    enrolledAt: String(row['enrolled_at']),
    lastSeenAt: text('last_seen_at'),
    agentStartedAt: text('agent_started_at'),
    engine: String(row['engine']) as HostLink['engine'], // As above.
    engineSince: text('engine_since'),
    facts: factsOf(text('facts')),
    settings: settingsOf(text('settings')),
    wantsNewKeys: row['wants_new_keys'] === 1,
  };
}

/** Undefined for facts of another version's shape: the next heartbeat brings new ones. */
function factsOf(text: string | undefined): HostFacts | undefined {
  return text === undefined ? undefined : hostFactsSchema.safeParse(JSON.parse(text)).data;
}

function settingsOf(text: string | undefined): HostSettings {
  return hostSettingsSchema.parse(text === undefined ? {} : JSON.parse(text));
}
