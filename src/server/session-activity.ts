import type { Close, Open } from '../contracts/session-wire.ts';
import type { ActivityEntry } from './activity.ts';
import { namesOfEnv, whatOf, workspaceOf } from './session-words.ts';

/** Who asked for which session, and from where. */
export interface Asked {
  readonly user: string;
  readonly address: string;
  /** Undefined where what was asked could not be read. */
  readonly open: Open | undefined;
}

export interface OpenedViewing extends Asked {
  /** Undefined where the answer of its host did not come. */
  readonly sessionId: string | undefined;
  /** Its viewer was there before. */
  readonly isBack: boolean;
}

export interface EndedViewing extends Asked {
  /** Undefined where the answer of its host did not come. */
  readonly sessionId: string | undefined;
  readonly close: Close;
  readonly seconds: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export interface SessionActivityOptions {
  /** Writes them, in one transaction. */
  readonly write: (entries: readonly TimedEntry[]) => void;
  /** Told why they could not be written; they are kept for another try. */
  readonly onFailure: (error: unknown) => void;
  readonly now: () => Date;
  /** How long entries are gathered for one write, in milliseconds. Default: 200. */
  readonly batchMs?: number;
  /** How long after a write that failed the next is tried, in milliseconds. Default: 5000. */
  readonly againMs?: number;
  /** How long repeats of an entry are counted instead of told, in milliseconds. Default: 60000. */
  readonly countedMs?: number;
}

export interface TimedEntry extends ActivityEntry {
  readonly at: Date;
}

interface Counted {
  times: number;
  seconds: number;
  inputBytes: number;
  outputBytes: number;
}

const defaults = { batchMs: 200, againMs: 5_000, countedMs: 60_000 };
/** Different refusals of one user that are told each by itself within `countedMs`. */
const mostRefusals = 20;
/** Entries that are kept while they cannot be written. */
const mostKept = 10_000;

/** What is told of sessions in the activity log: a flood of them costs a few writes, not one each. */
export class SessionActivity {
  readonly #options: SessionActivityOptions & typeof defaults;
  readonly #counted = new Map<string, { readonly entry: ActivityEntry; readonly more: Counted }>();
  #waiting: TimedEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #counters = new Set<NodeJS.Timeout>();

  constructor(options: SessionActivityOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** A viewer is let in, or is back. */
  opened({ sessionId, isBack, ...asked }: OpenedViewing): void {
    const entry = entryOf(isBack ? 'session.resume' : 'session.open', asked, { session: sessionId });
    // Each connection of a proxy is a session of its own.
    if (asked.open?.session.kind === 'proxy') this.#count(withoutSession(entry), {});
    else this.#add(entry);
  }

  closed({ sessionId, close, seconds, inputBytes, outputBytes, ...asked }: EndedViewing): void {
    const { code } = close;
    const entry = entryOf('session.close', asked, { session: sessionId, code });
    if (asked.open?.session.kind === 'proxy') {
      this.#count(withoutSession(entry), { seconds, inputBytes, outputBytes });
      return;
    }
    const details = { ...entry.details, seconds, inputBytes, outputBytes };
    this.#add({ ...entry, details });
  }

  /** It was not opened, by this server or by the host. */
  refused(asked: Asked, { code, message }: Close): void {
    const entry = entryOf('session.refuse', asked, { code, reason: message });
    const isNew = !this.#counted.has(JSON.stringify(entry));
    const theirs = [...this.#counted.values()].filter(
      ({ entry: { actor, action } }) => actor === entry.actor && action === entry.action,
    );
    // Who asks for something else each time cannot fill the log with it.
    if (isNew && theirs.length >= mostRefusals)
      this.#count(entryOf('session.refuse', { ...asked, open: undefined }, { code }), {});
    else this.#count(entry, {});
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    try {
      this.#options.write(this.#waiting);
      this.#waiting = [];
    } catch (error) {
      this.#waiting.splice(0, this.#waiting.length - mostKept);
      this.#flushIn(this.#options.againMs);
      this.#options.onFailure(error);
    }
  }

  close(): void {
    for (const timer of this.#counters) clearTimeout(timer);
    for (const key of [...this.#counted.keys()]) this.#endCount(key);
    this.flush();
    clearTimeout(this.#timer);
  }

  #add(entry: ActivityEntry): void {
    this.#waiting.push({ ...entry, at: this.#options.now() });
    this.#flushIn(this.#options.batchMs);
  }

  #flushIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.flush(), ms).unref();
  }

  /** The first one as it is; equal ones that follow within `countedMs` are told as one. */
  #count(entry: ActivityEntry, { seconds = 0, inputBytes = 0, outputBytes = 0 }: Partial<Counted>): void {
    const key = JSON.stringify(entry);
    const counted = this.#counted.get(key);
    if (counted === undefined) {
      this.#add({ ...entry, details: { ...entry.details, ...sumsOf({ seconds, inputBytes, outputBytes }) } });
      this.#counted.set(key, { entry, more: { times: 0, seconds: 0, inputBytes: 0, outputBytes: 0 } });
      const timer = setTimeout(() => {
        this.#counters.delete(timer);
        this.#endCount(key);
      }, this.#options.countedMs).unref();
      this.#counters.add(timer);
      return;
    }
    counted.more.times += 1;
    counted.more.seconds += seconds;
    counted.more.inputBytes += inputBytes;
    counted.more.outputBytes += outputBytes;
  }

  #endCount(key: string): void {
    const counted = this.#counted.get(key);
    this.#counted.delete(key);
    if (counted === undefined || counted.more.times === 0) return;
    const { times, ...sums } = counted.more;
    this.#add({ ...counted.entry, details: { ...counted.entry.details, times, ...sumsOf(sums) } });
  }
}

/** None for what has no duration, such as a refusal. */
function sumsOf(sums: Omit<Counted, 'times'>): Partial<Counted> {
  return Object.values(sums).some((sum) => sum > 0) ? sums : {};
}

function entryOf(
  action: string,
  { user, address, open }: Asked,
  details: Readonly<Record<string, unknown>>,
): ActivityEntry {
  const spec = open?.session;
  return {
    actor: `user:${user}`,
    action,
    subject: open?.host === undefined ? 'server' : `host:${open.host}`,
    details: {
      ...details,
      ...(spec && { kind: spec.kind, workspace: workspaceOf(spec), what: whatOf(spec), env: namesOfEnv(spec) }),
      address,
    },
  };
}

function withoutSession(entry: ActivityEntry): ActivityEntry {
  return { ...entry, details: { ...entry.details, session: undefined } };
}
