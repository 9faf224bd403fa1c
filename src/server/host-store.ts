import { fingerprintOf } from '../base/fleet-keys.ts';
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

export type HostChanges = Partial<Omit<StoredHost, 'hostId' | 'enrolledAt'>>;

/** How many heartbeats may be missed. */
const missedHeartbeats = 3;

/** Hosts of a server, by id, name or key. */
export class HostStore {
  readonly #database: SqliteDatabase;
  /** What `flush` writes: a commit for each heartbeat would be most of what a server does. */
  readonly #seenAt = new Map<HostId, string>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** A sign of life, which is told at once and kept with the next `flush`. */
  saw(hostId: HostId, at: string): void {
    this.#seenAt.set(hostId, at);
  }

  /** Later than what the database has, until `flush`. */
  unwrittenSign(hostId: HostId): string | undefined {
    return this.#seenAt.get(hostId);
  }

  /** Writes all signs of life since the last time, in one transaction. */
  flush(): void {
    if (this.#seenAt.size === 0) return;
    const sql = 'UPDATE hosts SET last_seen_at = ? WHERE host_id = ?';
    this.#database.relaxed(() => {
      for (const [hostId, at] of this.#seenAt) this.#database.run(sql, at, hostId);
    });
    this.#seenAt.clear();
  }

  all(): StoredHost[] {
    return this.#database.all('SELECT * FROM hosts ORDER BY name').map((row) => this.#host(row));
  }

  byId(hostId: HostId): StoredHost | undefined {
    return this.#first('SELECT * FROM hosts WHERE host_id = ?', hostId);
  }

  /** Without all the rest of it. */
  admissionOf(hostId: HostId): Admission | undefined {
    const row = this.#database.get('SELECT admission FROM hosts WHERE host_id = ?', hostId);
    return row && (String(row['admission']) as Admission); // Only `add` and `change` write it.
  }

  byKey(publicKey: string): StoredHost | undefined {
    return this.#first('SELECT * FROM hosts WHERE public_key = ?', publicKey);
  }

  /** By its name or id; `not-found` without one. */
  named(host: string): StoredHost {
    const id = hostIdSchema.safeParse(host).data;
    const found = id === undefined ? this.#first('SELECT * FROM hosts WHERE name = ?', host) : this.byId(id);
    if (found !== undefined) return found;
    throw new AppError('not-found', `Cannot find host "${host}": there is none`, {
      next: 'See them all: agora host ls',
    });
  }

  /** Other hosts of the same registration token, oldest first. */
  ofMachine(registrationToken: string, but: HostId): StoredHost[] {
    const sql = 'SELECT * FROM hosts WHERE registration_token = ? AND host_id <> ? ORDER BY enrolled_at, host_id';
    return this.#database.all(sql, registrationToken, but).map((row) => this.#host(row));
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
    const sql = `SELECT * FROM hosts WHERE admission = 'pending' AND last_seen_at < ? ORDER BY last_seen_at LIMIT 1`;
    return this.#first(sql, since.toISOString());
  }

  add(host: StoredHost): void {
    const values = Object.entries(columnsOf(host));
    const sql = `INSERT INTO hosts (${values.map(([name]) => name).join(', ')}) VALUES (${values.map(() => '?').join(', ')})`;
    this.#database.run(sql, ...values.map(([, value]) => value));
  }

  change(hostId: HostId, changes: HostChanges): void {
    const values = Object.entries(columnsOf(changes));
    if (values.length === 0) return;
    if ('lastSeenAt' in changes) this.#seenAt.delete(hostId);
    const sql = `UPDATE hosts SET ${values.map(([name]) => `${name} = ?`).join(', ')} WHERE host_id = ?`;
    this.#database.run(sql, ...values.map(([, value]) => value), hostId);
  }

  remove(hostId: HostId): void {
    this.#seenAt.delete(hostId);
    this.#database.run('DELETE FROM hosts WHERE host_id = ?', hostId);
  }

  #first(sql: string, ...parameters: string[]): StoredHost | undefined {
    const row = this.#database.get(sql, ...parameters);
    return row && this.#host(row);
  }

  #host(row: SqlRow): StoredHost {
    const stored = fromRow(row);
    const lastSeenAt = this.#seenAt.get(stored.hostId);
    return lastSeenAt === undefined ? stored : { ...stored, lastSeenAt };
  }
}

/** What is told of it: with its fingerprint, and whether it is there. */
export function hostOf(
  stored: StoredHost,
  now: { readonly at: Date; readonly serverStartedAt: Date; readonly hasSocket: boolean },
): Pick<Host, 'fingerprint' | 'link'> {
  const { lastSeenAt, settings, isEncrypted, agentStartedAt, engine, engineSince } = stored;
  const patienceMs = settings.heartbeatSeconds * missedHeartbeats * 1000;
  const sinceMs = (time: number) => now.at.getTime() - time;
  const serverMs = sinceMs(now.serverStartedAt.getTime());
  const silentMs = lastSeenAt === undefined ? Number.POSITIVE_INFINITY : sinceMs(Date.parse(lastSeenAt));
  const isNewServer = serverMs >= 0 && serverMs < patienceMs;
  // A time to come is of a clock that was put back since: it tells nothing.
  const link =
    silentMs < 0 || (isNewServer && silentMs >= patienceMs) ? 'unknown' : silentMs < patienceMs ? 'online' : 'offline';
  return {
    fingerprint: fingerprintOf(stored.publicKey),
    link: {
      link,
      hasSocket: now.hasSocket,
      isEncrypted,
      engine: link === 'online' ? engine : 'unknown',
      ...(lastSeenAt !== undefined && { lastSeenAt }),
      ...(agentStartedAt !== undefined && { agentStartedAt }),
      ...(engineSince !== undefined && { engineSince }),
    },
  };
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
