import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { withDeadline } from '../base/deadline.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError } from '../contracts/errors.ts';
import { digestOfRef, type ItemId, type RunId } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { type Answer, type Question, questionSchema } from '../contracts/question.ts';
import type { ItemView, QuestionView } from '../contracts/status.ts';
import { refuseCredentialAnswer } from '../dispatch/answer-credentials.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import type { CommandContext } from './command.ts';
import { sayIfNoDaemon } from './daemon-presence.ts';
import { say } from './output.ts';
import { readRunState } from './run-state.ts';

/** How long the daemon may take to say what became of an answer: longer than it takes to look into a bucket. */
const verdictMs = 15_000;

/** The whole question an item waits with. Raises `refused` when it asks nothing. */
export async function questionOf(
  orch: OrchContext,
  runId: RunId,
  item: ItemView,
): Promise<{ readonly view: QuestionView; readonly question: Question }> {
  const { question: view } = item;
  if (item.status !== 'waiting' || view === undefined) {
    throw new AppError(
      'refused',
      `Cannot answer item "${item.id}" of run "${runId}": it is ${item.status}, not waiting`,
      {
        next: `agora orch status ${runId}`,
      },
    );
  }
  const stored = await buffer(orch.storage.getBlob(digestOfRef(view.ref)));
  return { view, question: questionSchema.parse(JSON.parse(stored.toString('utf8'))) };
}

export interface GivenTo {
  readonly runId: RunId;
  readonly item: ItemView;
  readonly question: QuestionView;
  readonly answer: Answer['answer'];
  readonly actor: string;
}

/** Hands an answer to the daemon and says what became of it. Raises `refused` when another was first, or it looks like a credential. */
export async function answerItem(
  { transport }: Pick<OrchContext, 'transport'>,
  given: GivenTo,
  { stderr, stop }: Pick<CommandContext, 'stderr' | 'stop'>,
): Promise<void> {
  const { runId, item, question, answer, actor } = given;
  refuseCredentialAnswer(answer);
  const at = new Date().toISOString();
  const before = (await transport.statusKeys(runId)).at(-1);
  const { dispatchId } = question;
  const control = { kind: 'answer', runId, itemId: item.id, dispatchId, answer, actor, at } as const;
  await transport.control(randomUUID(), control);
  if (!(await sayIfNoDaemon(transport, stderr))) return;
  const verdict = await verdictOf(transport, { runId, itemId: item.id, before, actor, at }, stop);
  if (verdict === 'taken') return say(stderr, `agora: answered; see it go on with: agora orch watch ${runId}`);
  if (verdict === 'pending')
    return say(stderr, `agora: the answer is sent; see it taken with: agora orch watch ${runId}`);
  throw new AppError('refused', `Cannot answer item "${item.id}" of run "${runId}": ${verdict.refusal}`, {
    next: `agora orch status ${runId}`,
  });
}

interface Sent {
  readonly runId: RunId;
  readonly itemId: ItemId;
  /** Key of the last status there was. */
  readonly before: string | undefined;
  readonly actor: string;
  readonly at: string;
}

type Verdict = 'taken' | 'pending' | { readonly refusal: string };

async function verdictOf(transport: MailboxSubmissionTransport, sent: Sent, stop: AbortSignal): Promise<Verdict> {
  // Another may have been first after the question was read.
  const known = (await readRunState(transport, sent.runId))?.items.get(sent.itemId);
  const first = known && judge(known, sent);
  if (first !== undefined) return first;
  let after = sent.before;
  for await (const _ of transport.mailbox.watch(mailboxKeys.run(sent.runId), withDeadline(verdictMs, stop))) {
    for (const key of await transport.statusKeys(sent.runId, after)) {
      after = key;
      const view = (await transport.statusAt(key)).items.find((item) => item.id === sent.itemId);
      const verdict = view === undefined ? undefined : judge(view, sent);
      if (verdict !== undefined) return verdict;
    }
  }
  return 'pending';
}

function judge({ answered, status }: ItemView, { actor, at }: Sent): Verdict | undefined {
  if (answered?.actor === actor && answered.at === at) return 'taken';
  if (answered !== undefined) return { refusal: `${answered.actor} was first` };
  return status === 'waiting' ? undefined : { refusal: `it is ${status}` };
}
