import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Declarations } from '../contracts/declarations.ts';
import { type Digest, type RunId, runIdSchema } from '../contracts/ids.ts';
import { type Control, mailboxKeys, type Problem, type Rejected, type Submission } from '../contracts/mailbox.ts';
import { credentialIn } from '../dispatch/answer-credentials.ts';
import type { Storage } from '../storage/storage.ts';
import { answerText } from './answer-text.ts';
import type { EventQueue } from './event-queue.ts';
import { HalfWritten } from './half-written.ts';
import type { LoopEvent } from './loop-event.ts';
import { checkValue, type PlanReading } from './plan.ts';
import { lookUpNames } from './plan-names.ts';
import { readControls } from './read-controls.ts';
import { damaged, readMessage } from './read-message.ts';
import { mostSubmissionBytes, readSubmission } from './read-submission.ts';
import type { ReportedMailbox } from './reported-mailbox.ts';
import type { RunStore } from './run-store.ts';

export interface InboxOptions {
  readonly mailbox: ReportedMailbox;
  /** Whether nobody else can be taking messages. */
  readonly mayTake: () => boolean;
  readonly store: RunStore;
  readonly storage: Storage;
  readonly declarations: Declarations;
  readonly events: EventQueue<LoopEvent>;
  readonly onLine: (line: string) => void;
}

const inboxes = [mailboxKeys.submissions, mailboxKeys.control];

type Decision =
  | { readonly kind: 'reject'; readonly problems: readonly Problem[] }
  | {
      readonly kind: 'admit';
      readonly submission: Submission;
      readonly reading: Extract<PlanReading, { kind: 'plan' }>;
    };

/** Takes submissions and control messages from the mailbox. A message is deleted once what it asks for is committed. */
export class Inbox {
  readonly #options: InboxOptions;
  /** Messages handed to the loop that it has not committed yet. */
  readonly #taken = new Set<string>();
  readonly #claimed = new Map<RunId, Digest>();
  readonly #halfWritten = new HalfWritten();
  #nextAge = 0;
  #taking: Promise<void> = Promise.resolve();
  #nextLook: Promise<void> | undefined;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { mailbox, store } = this.#options;
    this.#nextAge = await store.nextAge();
    await Promise.all([
      this.#follow(mailbox.watch(mailboxKeys.submissions, signal)),
      this.#follow(mailbox.watch(mailboxKeys.control, signal)),
    ]);
  }

  async #follow(changes: AsyncIterable<void>): Promise<void> {
    for await (const _ of changes) await this.#look();
  }

  /** A look that has not begun serves all who ask for one: where watches look at the same moment, it is one look. */
  #look(): Promise<void> {
    this.#nextLook ??= this.#taking.then(nextTurn).then(() => {
      this.#nextLook = undefined;
      this.#taking = this.#takeAll();
      return this.#taking;
    });
    return this.#nextLook;
  }

  /** Controls are listed first and taken last, so that a cancel finds the run it was sent after. */
  async #takeAll(): Promise<void> {
    const { mailbox, mayTake } = this.#options;
    try {
      // One question where nothing is waiting, which is nearly always.
      const waiting = await mailbox.folders(mailboxKeys.all);
      if (!inboxes.some((prefix) => waiting.includes(folderName(prefix))) || !mayTake()) return;
      const controls = await mailbox.list(mailboxKeys.control);
      await this.#takeSubmissions();
      await this.#takeControls(controls);
    } catch (error) {
      // The watch comes again at the latest at its backstop, and the messages are still there.
      this.#sayFailure('Cannot read the inbox', error);
    }
  }

  #sayFailure(what: string, error: unknown): void {
    if (this.#options.mailbox.hasReported(error)) return;
    this.#options.onLine(`${what}, trying again: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** One that cannot be read now holds up no other. */
  async #takeSubmissions(): Promise<void> {
    const keys = await this.#options.mailbox.list(mailboxKeys.submissions);
    this.#halfWritten.keep(keys);
    for (const key of keys) {
      if (this.#taken.has(key)) continue;
      await this.#takeSubmission(key).catch((error: unknown) => {
        this.#sayFailure(`Cannot take submission "${key}"`, error);
      });
    }
  }

  async #takeSubmission(key: string): Promise<void> {
    const { mailbox, onLine } = this.#options;
    const runId = runIdSchema.safeParse(key.slice(mailboxKeys.submissions.length).split('/')[0]);
    if (!runId.success) {
      onLine(`submission "${key}": dropped, its folder is not a run id`);
      await mailbox.delete(key);
      return;
    }
    const decision = await this.#decide(key, runId.data);
    if (decision === undefined) return;
    if (decision.kind === 'reject') await this.#reject(key, runId.data, decision.problems);
    else await this.#admit(key, runId.data, decision);
  }

  async #decide(key: string, runId: RunId): Promise<Decision | undefined> {
    const { mailbox, storage, declarations } = this.#options;
    const size = await mailbox.size(key);
    if (size === undefined) return undefined;
    if (size > mostSubmissionBytes) return reject('', `is ${size} bytes, the limit is ${mostSubmissionBytes}`);
    const text = await readMessage(mailbox, key);
    if (text === undefined) return undefined;
    if (text === damaged) return reject('', 'its bytes are not those that were sent');

    const read = readSubmission(text);
    if (read.kind === 'no-json' && this.#halfWritten.mayGrow(key, text, performance.now())) return undefined;
    if (read.kind !== 'submission') return { kind: 'reject', problems: read.problems };
    const { submission } = read;
    const names = await lookUpNames(submission.plan, storage, declarations);
    const reading = checkValue(submission.plan, declarations, { names });
    if (reading.kind === 'invalid') return { kind: 'reject', problems: reading.problems };
    if (reading.plan.id !== runId) return reject('id', `is "${reading.plan.id}", but it was submitted as "${runId}"`);
    return (await this.#checkSource(submission)) ?? { kind: 'admit', submission, reading };
  }

  async #checkSource(submission: Submission): Promise<Decision | undefined> {
    const { source } = submission;
    if (source === undefined) return undefined;
    const stored = await this.#options.storage.statBlob(source.snapshot);
    return stored === undefined ? reject('source', `its snapshot ${source.snapshot} is not in storage`) : undefined;
  }

  async #admit(
    key: string,
    runId: RunId,
    { submission, reading }: Extract<Decision, { kind: 'admit' }>,
  ): Promise<void> {
    const { mailbox, store, events, declarations, onLine } = this.#options;
    const known = this.#claimed.get(runId) ?? (await store.findRun(runId))?.planDigest;
    if (known !== undefined) {
      const isSame = known === reading.planDigest;
      onLine(
        `run ${runId}: ${isSame ? 'submitted again, it is the same run' : 'another plan was submitted under its id and dropped'}`,
      );
      await mailbox.delete(key);
      return;
    }
    if ((await mailbox.get(mailboxKeys.accepted(runId))) !== undefined) {
      onLine(`run ${runId}: dropped, a daemon with other state took a run of this id before`);
      await mailbox.delete(key);
      return;
    }
    await mailbox.delete(mailboxKeys.rejected(runId));
    this.#taken.add(key);
    this.#claimed.set(runId, reading.planDigest);
    events.push({
      kind: 'submitted',
      planText: reading.text,
      run: {
        plan: reading.plan,
        planDigest: reading.planDigest,
        actor: submission.actor,
        submittedAt: submission.submittedAt,
        source: submission.source,
        enforceLocks: reading.plan.enforceLocks ?? declarations.enforceLocks,
        age: this.#nextAge++,
      },
      acknowledge: () => this.#acknowledge(key, () => this.#claimed.delete(runId)),
    });
  }

  async #reject(key: string, runId: RunId, problems: readonly Problem[]): Promise<void> {
    const { mailbox, store, onLine } = this.#options;
    onLine(`run ${runId}: rejected, ${problems[0]?.path ?? ''} ${problems[0]?.message ?? ''}`);
    if ((await store.findRun(runId)) === undefined) {
      const rejected: Rejected = { runId, rejectedAt: new Date().toISOString(), problems: [...problems] };
      await mailbox.put(mailboxKeys.rejected(runId), JSON.stringify(rejected), { durable: true });
    }
    await mailbox.delete(key);
  }

  async #takeControls(keys: readonly string[]): Promise<void> {
    const { mailbox, onLine } = this.#options;
    const untaken = keys.filter((key) => !this.#taken.has(key));
    for (const { key, control } of await readControls(mailbox, untaken, onLine)) {
      // One that cannot be handed on now, because the disk is full, holds up no other.
      await this.#handOn(key, control).catch((error: unknown) => {
        this.#sayFailure(`Cannot take control message "${key}"`, error);
      });
    }
  }

  async #handOn(key: string, control: Control): Promise<void> {
    const { events, storage, mailbox, onLine } = this.#options;
    const acknowledge = () => this.#acknowledge(key);
    const { runId, actor } = control;
    if (control.kind === 'cancel') {
      const item = control.itemId === undefined ? {} : { itemId: control.itemId };
      this.#taken.add(key);
      events.push({ kind: 'cancel', runId, actor, ...item, acknowledge });
      return;
    }
    const { itemId, dispatchId, at } = control;
    const refusal = credentialIn(control.answer);
    if (refusal !== undefined) {
      onLine(`run ${runId}: the answer of ${actor} to "${itemId}" is not taken: ${refusal}`);
      await mailbox.delete(key);
      return;
    }
    const answer = await storage.putBlob(Buffer.from(answerText(control)));
    this.#taken.add(key);
    const given = { actor, at, answer, ...(dispatchId === undefined ? {} : { dispatchId }) };
    events.push({ kind: 'answer', runId, itemId, given, acknowledge });
  }

  /** What the message asked for is committed. If the delete fails, the message is seen again and changes nothing. */
  #acknowledge(key: string, then: () => void = () => undefined): void {
    this.#options.mailbox
      .delete(key)
      .catch((error: unknown) => this.#options.onLine(`Cannot delete message "${key}": ${String(error)}`))
      .finally(() => {
        this.#taken.delete(key);
        then();
      });
  }
}

function reject(path: string, message: string): Decision {
  return { kind: 'reject', problems: [{ path, message }] };
}

/** Of a folder right under the root of all keys. */
function folderName(prefix: string): string {
  return prefix.slice(mailboxKeys.all.length, -1);
}
