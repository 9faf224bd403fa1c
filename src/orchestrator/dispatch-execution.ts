import { buffer } from 'node:stream/consumers';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { isAppError } from '../contracts/errors.ts';
import { type ArtifactRef, digestOfRef } from '../contracts/ids.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { Answer } from '../contracts/question.ts';
import type { Task } from '../contracts/task.ts';
import { agentOf } from '../dispatch/agent-of.ts';
import { buildTask } from '../dispatch/build-task.ts';
import { type EndedDispatch, runDispatch } from '../dispatch/dispatch.ts';
import { patiently } from '../dispatch/patience.ts';
import type { DispatchPlace } from '../dispatch/place.ts';
import type { ResolvedWork } from '../dispatch/resolve-work.ts';
import { unstartedResult } from '../dispatch/result.ts';
import type { StoredBlob } from '../storage/storage.ts';
import { answerFrom } from './answer-text.ts';
import { AttemptRecord, readBefore } from './attempt-record.ts';
import { ComposedWorktrees } from './composed-worktrees.ts';
import { attemptOutcome, type Objection, objectionOf, objectionTo, refusal } from './dispatch-judgement.ts';
import { dispatchManifest } from './dispatch-manifest.ts';
import type { OpenedPlaces } from './dispatch-places.ts';
import type {
  AttemptOutcome,
  AttemptRequest,
  AttemptSignals,
  ExecutedAttempt,
  ExecutorRun,
  FiredManifest,
  RunExecution,
} from './executor.ts';
import { baseManifest } from './manifest.ts';
import type { ResolvedItem, ResolvedItems } from './resolved-items.ts';

export interface DispatchExecutionOptions {
  readonly run: ExecutorRun;
  readonly client: Pick<DispatchPlace, 'namespace' | 'storage' | 'secrets'>;
  readonly places: OpenedPlaces;
  readonly items: ResolvedItems;
}

interface Prepared {
  readonly task: Task;
  readonly answer: Answer | undefined;
  /** Its record, if an earlier daemon wrote one. */
  readonly before?: DispatchRecord | undefined;
}

/** The dispatches of one run: each is prepared from its manifest, run, and judged by what it left. */
export class DispatchExecution implements RunExecution {
  readonly #options: DispatchExecutionOptions;
  readonly #worktrees: ComposedWorktrees;

  constructor(options: DispatchExecutionOptions) {
    this.#options = options;
    this.#worktrees = new ComposedWorktrees(options.run.workFolder, options.client.storage);
  }

  /** An item that cannot run has only the general part; `execute` says why. */
  manifest(request: AttemptRequest): Manifest {
    const { run } = this.#options;
    const base = baseManifest(run, request);
    try {
      const item = this.#options.items.of(request.item);
      const agent = agentOf(item.resolved, item.resolved.work.input);
      const parts = { ...item, agent, ...this.#placeOf(item), source: run.source?.snapshot };
      return { ...base, dispatch: dispatchManifest(request, parts) };
    } catch (error) {
      if (isAppError(error)) return base;
      throw error;
    }
  }

  async execute(
    request: AttemptRequest,
    fired: FiredManifest,
    signals: AttemptSignals,
  ): Promise<ExecutedAttempt | undefined> {
    const startedAt = performance.now();
    const refuse = (objection: Objection): ExecutedAttempt => ({
      outcome: { ...refusal(objection, performance.now() - startedAt), artifacts: [] },
    });
    try {
      const item = this.#itemOf(request);
      const prepared = await this.#prepare(request, item.resolved, { fired, signals });
      if (prepared === 'stopped') return fired.isResumed ? undefined : { outcome: neverStarted(signals, startedAt) };
      if ('code' in prepared) return refuse(prepared);
      return await this.#run(request, item, { prepared, isResumed: fired.isResumed, signals });
    } catch (error) {
      if (!isAppError(error)) throw error;
      return refuse(objectionOf(error));
    }
  }

  async #run(
    request: AttemptRequest,
    item: ResolvedItem,
    attempt: { readonly prepared: Prepared; readonly isResumed: boolean; readonly signals: AttemptSignals },
  ): Promise<ExecutedAttempt | undefined> {
    const { run, client } = this.#options;
    const { prepared, isResumed, signals } = attempt;
    const { provider } = this.#placeOf(item);
    const onProblem = (line: string) => this.#say(request, line);
    const record = await AttemptRecord.accept({
      place: client,
      run,
      request,
      resolved: item.resolved,
      provider,
      answer: prepared.answer,
      before: prepared.before,
      signals,
      onProblem,
    });
    const compute = this.#options.places.computeOf(item.resolved.work.target);
    // Nothing waits for it: a later change of the record comes after it.
    const onStarted = (handle: { readonly providerId: string; readonly image: string }) => void record.started(handle);
    const dispatch = { task: prepared.task, isResumed };
    const startedAt = performance.now();
    try {
      const { onWaiting } = signals;
      const ports = { compute, storage: client.storage, onProblem, onWaiting, onStarted };
      const ended = await runDispatch(ports, dispatch, signals);
      return ended && (await this.#judge(request, ended, { record, signals }));
    } catch (error) {
      if (isAppError(error)) await record.ended(refusal(objectionOf(error), performance.now() - startedAt));
      throw error;
    }
  }

  /** The record is written first: what is committed after it may be gone from the provider at once. */
  async #judge(
    request: AttemptRequest,
    ended: EndedDispatch,
    { record, signals }: { readonly record: AttemptRecord; readonly signals: AttemptSignals },
  ): Promise<ExecutedAttempt | undefined> {
    const objection = await this.#objectionTo(request, ended.result, signals);
    // The worker is still there with all that it left: the next daemon collects it again.
    if (objection === 'expired') return undefined;
    const result =
      objection === undefined ? ended.result : { ...ended.result, outcome: 'failed' as const, ...objection };
    await record.ended(result);
    return { outcome: attemptOutcome(request, this.#options.client.namespace, result), release: ended.release };
  }

  async #objectionTo(
    request: AttemptRequest,
    result: EndedDispatch['result'],
    { expired, onWaiting }: AttemptSignals,
  ): Promise<Objection | 'expired' | undefined> {
    const patch = result.collected?.patch;
    if (patch === undefined || (result.outcome !== 'done' && result.outcome !== 'needs-input')) return undefined;
    const read = () => this.#worktrees.readPatch(patch.digest);
    const onProblem = (line: string) => this.#say(request, line);
    try {
      const bytes = await patiently(read, { signal: expired, onProblem, onWaiting });
      return objectionTo(bytes, request.item.resourceLocks, this.#options.run.enforceLocks);
    } catch (error) {
      if (expired.aborted) return 'expired';
      throw error;
    }
  }

  #itemOf(request: AttemptRequest): ResolvedItem {
    return this.#options.items.of(request.item);
  }

  #placeOf({ resolved }: ResolvedItem): { readonly provider: string; readonly image: string } {
    const { summary, image } = this.#options.places.infoOf(resolved.work.target, resolved.subagent.subagent.runtime);
    return { provider: summary, image: resolved.work.image ?? image };
  }

  #say({ item, attempt }: AttemptRequest, line: string): void {
    const { runId, onLine } = this.#options.run;
    onLine(`run ${runId}, attempt ${attempt} of "${item.id}": ${line}`);
  }

  /** Waits while the disk is full; `stopped` when nobody wants the attempt any more. */
  async #prepare(
    request: AttemptRequest,
    resolved: ResolvedWork,
    { fired, signals }: { readonly fired: FiredManifest; readonly signals: AttemptSignals },
  ): Promise<Prepared | Objection | 'stopped'> {
    const signal = fired.isResumed ? signals.detach : AbortSignal.any([signals.stop, signals.detach]);
    const onProblem = (line: string) => this.#say(request, line);
    const prepare = () =>
      fired.isResumed ? this.#prepareFound(request, resolved) : this.#prepareNew(request, resolved);
    try {
      return await patiently(prepare, { signal, onProblem, onWaiting: signals.onWaiting });
    } catch (error) {
      if (signal.aborted) return 'stopped';
      throw error;
    }
  }

  /** Of a task that runs already only the names and limits matter: secrets are not asked for again. */
  async #prepareFound(request: AttemptRequest, resolved: ResolvedWork): Promise<Prepared> {
    const task = await this.#task(request, { ...resolved, secretRefs: {} }, { needs: [] });
    return { task, answer: undefined, before: await readBefore(this.#options.client, request.dispatchId) };
  }

  async #prepareNew(request: AttemptRequest, resolved: ResolvedWork): Promise<Prepared | Objection> {
    const { needs, item, resume } = request;
    const missing = Object.keys(item.needs ?? {}).find((key) => !needs.some((need) => need.key === key));
    if (missing !== undefined) {
      return { code: 'refused', message: `needs."${missing}" names a product its item did not make` };
    }
    const source = this.#options.run.source?.snapshot;
    const hasWorktree = source !== undefined || request.patches.length > 0;
    const composed = hasWorktree ? await this.#worktrees.compose(source, request.patches) : undefined;
    if (composed?.kind === 'conflict') return { code: 'patch-conflict', message: composed.message };
    const answer =
      resume === undefined
        ? undefined
        : answerFrom(await this.#textOf(resume.question), await this.#textOf(resume.answer));
    const worktree = composed?.tar;
    const { partialPatch, session } = resume ?? {};
    return { task: await this.#task(request, resolved, { needs, worktree, answer, partialPatch, session }), answer };
  }

  #task(
    { item, attempt, dispatchId, resume }: AttemptRequest,
    resolved: ResolvedWork,
    handedIn: {
      readonly needs: AttemptRequest['needs'];
      readonly worktree?: StoredBlob | undefined;
      readonly answer?: Answer | undefined;
      readonly partialPatch?: ArtifactRef | undefined;
      readonly session?: ArtifactRef | undefined;
    },
  ): Promise<Task> {
    const { run, client } = this.#options;
    const { input } = resolved.work;
    const resumes = { answer: handedIn.answer, sessionId: resume?.sessionId };
    return buildTask(client, resolved, {
      ...handedIn,
      dispatchId,
      owner: { deploymentId: run.deploymentId, runId: run.runId, itemId: item.id, attempt },
      agent: agentOf(resolved, input, resumes),
      input,
      allowUnsandboxed: run.allowUnsandboxed,
    });
  }

  async #textOf(ref: ArtifactRef): Promise<string> {
    return (await buffer(this.#options.client.storage.getBlob(digestOfRef(ref)))).toString('utf8');
  }
}

function neverStarted({ stop }: AttemptSignals, startedAt: number): AttemptOutcome {
  return { ...unstartedResult(performance.now() - startedAt, !stop.aborted), artifacts: [] };
}
