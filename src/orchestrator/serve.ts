import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { originOf } from '../audit/record.ts';
import { trustSigner } from '../audit/trust.ts';
import type { Trust } from '../audit/verify/trust.ts';
import { sleep } from '../base/deadline.ts';
import { retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { packageName, stateNames } from '../contracts/names.ts';
import { deploymentIdOf } from '../dispatch/deployment.ts';
import { Attempts } from './attempts.ts';
import type { RunBoard } from './board.ts';
import { EventQueue } from './event-queue.ts';
import { Inbox } from './inbox.ts';
import { Loop } from './loop.ts';
import type { LoopEvent } from './loop-event.ts';
import { claimMailbox } from './mailbox-claim.ts';
import { type AgoraOrchestrator, defaultConcurrency } from './orchestrator.ts';
import { PresenceSign } from './presence.ts';
import { Publisher } from './publisher.ts';
import { ReportedMailbox } from './reported-mailbox.ts';
import type { SchedulePolicy } from './schedule.ts';
import { Sealer } from './sealer.ts';
import type { MailboxSubmissionTransport } from './submission-transport.ts';
import { takeOver } from './take-over.ts';

/** How long a stopping daemon lets publishing finish. */
const closeGraceMs = 2_000;

/** How soon a mailbox that cannot be reached is asked again by a daemon that starts, at the latest. */
const longestClaimRetryMs = 10_000;

/** How often a draining daemon looks whether it may end. */
const drainLookMs = 50;

export interface ServeLoopOptions {
  readonly orchestrator: AgoraOrchestrator;
  readonly transport: MailboxSubmissionTransport;
  /** Ends the daemon: nothing new is taken, what outlives it is left running, the rest is stopped. */
  readonly signal: AbortSignal;
  /** Run work without a sandbox where neither an engine nor bubblewrap is there. Default: false. */
  readonly allowUnsandboxed?: boolean;
  /** Before ending, wait until nothing runs. Default: false. */
  readonly drain?: boolean;
  /** Stops waiting, and with it the workers that could go on without the daemon. */
  readonly stopWorkers?: AbortSignal;
  /** Receives lines for a person. Default: none. */
  readonly onLine?: (line: string) => void;
}

/** Runs the daemon until its signal. Rejects with `daemon-running`, `state-corrupt`, `state-newer` or `disk-full`. */
export async function serve(options: ServeLoopOptions): Promise<void> {
  const daemon = await openDaemon(options);
  if (daemon === undefined) return;
  try {
    await daemon.loop.recover();
    await daemon.sealer.resume();
    await runUntilStopped(daemon, options);
  } finally {
    await closeDaemon(daemon, options);
  }
}

interface Daemon {
  readonly mailbox: ReportedMailbox;
  readonly sign: PresenceSign;
  readonly events: EventQueue<LoopEvent>;
  readonly attempts: Attempts;
  readonly publisher: Publisher;
  readonly sealer: Sealer;
  readonly loop: Loop;
  readonly inbox: Inbox;
}

/** Undefined when it was stopped before it could serve. */
async function openDaemon(options: ServeLoopOptions): Promise<Daemon | undefined> {
  const { orchestrator, transport, signal, onLine = () => undefined } = options;
  const { store, stateFolder } = orchestrator.options;
  const deploymentId = await deploymentIdOf(stateFolder);
  await takeOver({ store, transport, deploymentId, signal, onLine });
  const mailbox = new ReportedMailbox(transport.mailbox, onLine);
  const sign = new PresenceSign(mailbox, deploymentId);
  try {
    // What cannot be reached may come back; what is refused, or is not there, waits for a person.
    await retry(() => claimMailbox({ mailbox, sign, deploymentId, signal, onLine }), {
      isRetryable: (error) => isAppError(error, 'unreachable'),
      maxDelayMs: longestClaimRetryMs,
      signal,
    });
    return await assembleDaemon(options, { mailbox, sign, deploymentId });
  } catch (error) {
    await store.close();
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function assembleDaemon(
  options: ServeLoopOptions,
  { mailbox, sign, deploymentId }: Pick<Daemon, 'mailbox' | 'sign'> & { readonly deploymentId: DeploymentId },
): Promise<Daemon> {
  const { orchestrator, allowUnsandboxed = false, onLine = () => undefined } = options;
  const { store, storage, signer, anchors, executors, stateFolder, defaults } = orchestrator.options;
  const trust: Trust = await trustSigner(join(stateFolder, stateNames.trust), originOf(deploymentId), signer);
  const events = new EventQueue<LoopEvent>();
  const workFolder = join(stateFolder, stateNames.work, 'runs');
  await rm(workFolder, { recursive: true, force: true });
  const attempts = new Attempts({
    executors,
    deploymentId,
    declarations: orchestrator.declarations,
    allowUnsandboxed,
    workFolder,
    onLine,
  });
  const publisher = new Publisher({ store, mailbox, onLine });
  const engine = { name: packageName, version: packageVersion() };
  const onPublished = (run: RunBoard) => {
    onLine(`run ${run.runId}: ${run.status}`);
    publisher.wake();
  };
  const sealer = new Sealer({ store, mailbox, signer, anchors, trust, deploymentId, engine, onPublished, onLine });
  const policy: SchedulePolicy = { engine, anchors: anchors.map((anchor) => anchor.id), retry: defaults?.retry };
  const seal = (run: RunBoard) => sealer.seal(run);
  const loop = new Loop({
    store,
    publisher,
    attempts,
    events,
    deploymentId,
    queues: slotsOf(orchestrator),
    policy,
    defaultTargets: defaultTargetsOf(orchestrator),
    seal,
    onLine,
  });
  const { declarations } = orchestrator;
  const mayTake = () => sign.isHeld();
  const inbox = new Inbox({ mailbox, mayTake, store, storage, declarations, events, onLine });
  return { mailbox, sign, events, attempts, publisher, sealer, loop, inbox };
}

/** How many items of each queue run at once. */
function slotsOf({ declarations }: AgoraOrchestrator): Readonly<Record<string, number>> {
  const queues = Object.entries(declarations.queues);
  return Object.fromEntries(queues.map(([name, { concurrency = defaultConcurrency }]) => [name, concurrency]));
}

/** By executor, where it has one. */
function defaultTargetsOf({ options }: AgoraOrchestrator): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(options.executors).flatMap(([name, { defaultTarget }]) =>
      defaultTarget === undefined ? [] : [[name, defaultTarget]],
    ),
  );
}

/** Where items will run. That may take a while, when an image is made first; an end meanwhile is not kept waiting. */
async function describeExecutors({ orchestrator, onLine }: ServeLoopOptions, ended: AbortSignal): Promise<string> {
  const executors = Object.values(orchestrator.options.executors);
  const described = Promise.all(executors.map((executor) => executor.describe(onLine ?? (() => undefined))));
  const words = await Promise.race([described, aborted(ended).then(() => ['nothing: it was stopped'])]);
  return words.join(', ');
}

async function runUntilStopped(daemon: Daemon, options: ServeLoopOptions): Promise<void> {
  const { mailbox, sign, loop, inbox, publisher } = daemon;
  const loopEnd = new AbortController();
  const presenceEnd = new AbortController();
  // Whatever ends first ends the daemon: the signal, another daemon in its place, or a failure that another turn of the
  // loop cannot cure.
  const failed = new AbortController();
  const ended = AbortSignal.any([options.signal, failed.signal]);
  const parts: Promise<void>[] = [];
  const begin = (part: Promise<void>): void => {
    part.catch(() => failed.abort());
    parts.push(part);
  };
  begin(sign.beat(presenceEnd.signal));
  const ready = sayReady(sign, options, ended);
  begin(ready);
  await Promise.allSettled([ready]);
  publisher.wake();
  begin(inbox.run(ended));
  begin(loop.run(loopEnd.signal));
  await aborted(ended);
  loop.takeNoWork();
  if (options.drain === true && !failed.signal.aborted) await drained(daemon, options.stopWorkers);
  // From here on the next daemon may wait for this one's end, and no mailbox keeps it waiting.
  presenceEnd.abort();
  setTimeout(() => mailbox.abandon(), closeGraceMs).unref();
  await daemon.attempts.detach(options.stopWorkers?.aborted === true ? 'stop' : 'leave');
  loopEnd.abort();
  await Promise.allSettled(parts);
  // The first that failed says why.
  await Promise.all(parts);
}

async function sayReady(sign: PresenceSign, options: ServeLoopOptions, ended: AbortSignal): Promise<void> {
  const compute = await describeExecutors(options, ended);
  if (ended.aborted) return;
  await sign.ready(compute);
  options.onLine?.(`serving ${options.orchestrator.options.stateFolder} with ${compute}`);
}

async function closeDaemon(
  { mailbox, loop, sealer, publisher }: Daemon,
  { orchestrator }: ServeLoopOptions,
): Promise<void> {
  try {
    // What ended while the loop was stopping is committed, so that the next daemon need not guess.
    await loop.turn();
    await sealer.close(mailbox.isAbandoned ? 0 : closeGraceMs);
    await publisher.close(mailbox.isAbandoned ? 0 : closeGraceMs);
  } finally {
    for (const executor of Object.values(orchestrator.options.executors)) await executor.close();
    await orchestrator.options.store.close();
  }
}

/** Resolves when nothing runs any more, or on `stopWorkers`. */
async function drained(daemon: Daemon, stopWorkers: AbortSignal | undefined): Promise<void> {
  const allEnded = async () => {
    while (daemon.loop.runningCount > 0) await sleep(drainLookMs);
  };
  await Promise.race([allEnded(), ...(stopWorkers === undefined ? [] : [aborted(stopWorkers)])]);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}
