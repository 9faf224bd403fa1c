import { mapAhead } from '../base/map-ahead.ts';
import { AppError } from '../contracts/errors.ts';
import { type RunId, runIdSchema } from '../contracts/ids.ts';
import {
  type Accepted,
  acceptedSchema,
  type Control,
  mailboxKeys,
  type Presence,
  presenceSchema,
  type Rejected,
  rejectedSchema,
  type Submission,
} from '../contracts/mailbox.ts';
import { type StatusRecord, statusRecordSchema } from '../contracts/status.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** Messages read at once where many are wanted: over a network most of it is waiting. */
const readsAtOnce = 16;

/** How clients reach the daemon: typed messages over a mailbox. */
export class MailboxSubmissionTransport {
  readonly mailbox: Mailbox;

  constructor(mailbox: Mailbox) {
    this.mailbox = mailbox;
  }

  /** Puts a submission into the inbox. `planHex` is the plan's digest without `sha256:`. */
  async submit(runId: RunId, planHex: string, submission: Submission): Promise<void> {
    await this.mailbox.put(mailboxKeys.submission(runId, planHex), JSON.stringify(submission), { durable: true });
  }

  async control(id: string, message: Control): Promise<void> {
    await this.mailbox.put(mailboxKeys.controlMessage(message.runId, id), JSON.stringify(message), { durable: true });
  }

  /** Plan digests (hex) of submissions of this run the daemon has not taken yet. */
  async waitingSubmissions(runId: RunId): Promise<string[]> {
    const keys = await this.mailbox.list(mailboxKeys.submissionsOf(runId));
    return keys.map((key) => key.slice(mailboxKeys.submissionsOf(runId).length).replace(/\.json$/, ''));
  }

  accepted(runId: RunId): Promise<Accepted | undefined> {
    return this.#read(mailboxKeys.accepted(runId), acceptedSchema);
  }

  rejected(runId: RunId): Promise<Rejected | undefined> {
    return this.#read(mailboxKeys.rejected(runId), rejectedSchema);
  }

  presence(): Promise<Presence | undefined> {
    return this.#read(mailboxKeys.daemon, presenceSchema);
  }

  /** The published bundle's text, or undefined while the run is not sealed. */
  auditText(runId: RunId): Promise<string | undefined> {
    return this.mailbox.get(mailboxKeys.audit(runId));
  }

  /** Ids of every run the daemon took or rejected, and of those still in the inbox. Sorted. */
  async runIds(): Promise<RunId[]> {
    const found = new Set<RunId>();
    // In the order a run goes through them, so that one on its way is not missed.
    for (const prefix of [mailboxKeys.submissions, mailboxKeys.runs]) {
      for (const name of await this.mailbox.folders(prefix)) {
        const parsed = runIdSchema.safeParse(name);
        if (parsed.success) found.add(parsed.data);
      }
    }
    return [...found].sort();
  }

  /** Keys of the status records, oldest first, after `after` if given. */
  statusKeys(runId: RunId, after?: string): Promise<string[]> {
    return this.mailbox.list(mailboxKeys.statuses(runId), after === undefined ? {} : { after });
  }

  /** The records of these keys, in their order. */
  statusesAt(keys: Iterable<string>): AsyncGenerator<StatusRecord, void> {
    return mapAhead(keys, readsAtOnce, (key) => this.statusAt(key));
  }

  async statusAt(key: string): Promise<StatusRecord> {
    const record = await this.#read(key, statusRecordSchema);
    if (record === undefined) throw new AppError('not-found', `Cannot read status "${key}": it is not there`);
    return record;
  }

  async #read<T>(key: string, schema: { parse(value: unknown): T }): Promise<T | undefined> {
    const text = await this.mailbox.get(key);
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new AppError('state-corrupt', `Cannot read message "${key}": it does not have the expected form`, {
        cause,
      });
    }
  }
}
