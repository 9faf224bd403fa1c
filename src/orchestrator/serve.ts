import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { originOf } from '../audit/record.ts';
import { trustSigner } from '../audit/trust.ts';
import type { Trust } from '../audit/verify/trust.ts';
import { sleep } from '../base/deadline.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { packageName, stateNames } from '../contracts/names.ts';
import { deploymentIdOf } from '../dispatch/deployment.ts';
import { Attempts } from './attempts.ts';
import type { RunBoard } from './board.ts';
import { EventQueue } from './event-queue.ts';
import { Inbox } from './inbox.ts';
import { Loop } from './loop.ts';
import type { LoopEvent } from './loop-event.ts';
import { type AgoraOrchestrator, defaultConcurrency } from './orchestrator.ts';
import { PresenceSign } from './presence.ts';
import { Publisher } from './publisher.ts';
import type { SchedulePolicy } from './schedule.ts';
import { Sealer } from './sealer.ts';
import type { MailboxSubmissionTransport } from './submission-transport.ts';
import { takeOver } from './take-over.ts';

/** How long a stopping daemon lets publishing finish. */
const closeGraceMs = 2_000;

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
  try {
    await daemon.loop.recover();
    await runUntilStopped(daemon, options);
  } finally {
    await closeDaemon(daemon, options);
  }
}

interface Daemon {
  readonly deploymentId: DeploymentId;
  readonly events: EventQueue<LoopEvent>;
  readonly attempts: Attempts;
  readonly publisher: Publisher;
  readonly sealer: Sealer;
  readonly loop: Loop;
  readonly inbox: Inbox;
}

async function openDaemon(options: ServeLoopOptions): Promise<Daemon> {
  const { orchestrator, transport, signal, onLine = () => undefined } = options;
  const { store, stateFolder } = orchestrator.options;
  const deploymentId = await deploymentIdOf(stateFolder);
  await takeOver({ store, transport, deploymentId, signal, onLine });
  try {
    return await assembleDaemon(options, deploymentId);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function assembleDaemon(options: ServeLoopOptions, deploymentId: DeploymentId): Promise<Daemon> {
  const { orchestrator, transport, allowUnsandboxed = false, onLine = () => undefined } = options;
  const { store, storage, signer, anchors, executors, stateFolder, defaults } = orchestrator.options;
  const { mailbox } = transport;
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
  const publisher = new Publisher({ store, mailbox, onProblem: onLine });
  const engine = { name: packageName, version: packageVersion() };
  const onPublished = (run: RunBoard) => {
    onLine(`run ${run.runId}: ${run.status}`);
    publisher.wake();
  };
  const sealer = new Sealer({ store, mailbox, signer, anchors, trust, deploymentId, engine, onPublished, onLine });
  const policy: SchedulePolicy = { engine, anchors: anchors.map((anchor) => anchor.kind), retry: defaults?.retry };
  const queues = Object.fromEntries(
    Object.entries(orchestrator.declarations.queues).map(([name, queue]) => [
      name,
      queue.concurrency ?? defaultConcurrency,
    ]),
  );
  const seal = (run: RunBoard) => sealer.seal(run);
  const defaultTargets = Object.fromEntries(
    Object.entries(executors).flatMap(([name, { defaultTarget }]) =>
      defaultTarget === undefined ? [] : [[name, defaultTarget]],
    ),
  );
  const loop = new Loop({
    store,
    publisher,
    attempts,
    events,
    deploymentId,
    queues,
    policy,
    defaultTargets,
    seal,
    onLine,
  });
  const inbox = new Inbox({ mailbox, store, storage, declarations: orchestrator.declarations, events, onLine });
  return { deploymentId, events, attempts, publisher, sealer, loop, inbox };
}

/** Where items will run. That may take a while, when an image is made first; a signal meanwhile is not kept waiting. */
async function describeExecutors({ orchestrator, signal, onLine }: ServeLoopOptions): Promise<string> {
  const executors = Object.values(orchestrator.options.executors);
  const described = Promise.all(executors.map((executor) => executor.describe(onLine ?? (() => undefined))));
  const words = await Promise.race([described, aborted(signal).then(() => ['nothing: it was stopped'])]);
  return words.join(', ');
}

async function runUntilStopped(daemon: Daemon, options: ServeLoopOptions): Promise<void> {
  const { signal, transport, onLine } = options;
  const { loop, inbox, publisher, deploymentId } = daemon;
  const loopEnd = new AbortController();
  const presenceEnd = new AbortController();
  const sign = new PresenceSign(transport.mailbox, deploymentId);
  const beating = sign.beat(presenceEnd.signal);
  const compute = await describeExecutors(options);
  if (!signal.aborted) {
    await sign.ready(compute);
    onLine?.(`serving ${options.orchestrator.options.stateFolder} with ${compute}`);
  }
  publisher.wake();
  const reading = inbox.run(signal);
  const looping = loop.run(loopEnd.signal);
  // Whatever ends first ends the daemon: the signal, or a failure of the loop that another turn cannot cure.
  const ended = new AbortController();
  looping.catch(() => ended.abort());
  await Promise.race([aborted(signal), aborted(ended.signal)]);
  loop.takeNoWork();
  if (options.drain === true && !ended.signal.aborted) await drained(daemon, options.stopWorkers);
  // From here on the next daemon may wait for this one's end.
  presenceEnd.abort();
  await daemon.attempts.detach(options.stopWorkers?.aborted === true ? 'stop' : 'leave');
  loopEnd.abort();
  await Promise.all([looping, beating, ended.signal.aborted ? undefined : reading]);
}

async function closeDaemon({ loop, sealer, publisher }: Daemon, { orchestrator }: ServeLoopOptions): Promise<void> {
  try {
    // What ended while the loop was stopping is committed, so that the next daemon need not guess.
    await loop.turn();
    await sealer.close(closeGraceMs);
    await publisher.close(closeGraceMs);
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
