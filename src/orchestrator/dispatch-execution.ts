import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { artifactRef, type Digest, digestOfRef, digestSchema } from '../contracts/ids.ts';
import type { Manifest } from '../contracts/manifest.ts';
import { defaultBlocks } from '../contracts/pipeline.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { nothingElseHandedIn, type Task, type TaskInput } from '../contracts/task.ts';
import type { Collected } from '../dispatch/collect.ts';
import { runDispatch } from '../dispatch/dispatch.ts';
import { effectiveLimits, effectiveNetwork } from '../dispatch/effective.ts';
import { patiently } from '../dispatch/patience.ts';
import { type DispatchResult, unstartedResult } from '../dispatch/result.ts';
import type { OpenedTarget } from '../dispatch/targets.ts';
import { renderCommand } from '../registry/template.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';
import { patchPaths } from '../worktree/patch-paths.ts';
import { ComposedWorktrees } from './composed-worktrees.ts';
import type {
  Artifact,
  AttemptOutcome,
  AttemptRequest,
  AttemptSignals,
  ExecutedAttempt,
  ExecutorRun,
  FiredManifest,
  RunExecution,
} from './executor.ts';
import { keyCovers } from './lock-table.ts';
import { baseManifest, manifestLimits } from './manifest.ts';

export interface DispatchExecutionOptions {
  readonly run: ExecutorRun;
  readonly namespace: string;
  readonly storage: Storage;
  readonly targets: ReadonlyMap<string, OpenedTarget>;
  readonly subagents: ReadonlyMap<string, { readonly subagent: Subagent; readonly digest: Digest }>;
  /** Target of items that name none. */
  readonly target: string;
}

type DispatchManifest = NonNullable<Manifest['dispatch']>;

type Prepared = { readonly task: Task } | { readonly conflict: string };

/** The dispatches of one run: each is prepared from its manifest, run, and judged by what it left. */
export class DispatchExecution implements RunExecution {
  readonly #options: DispatchExecutionOptions;
  readonly #worktrees: ComposedWorktrees;

  constructor(options: DispatchExecutionOptions) {
    this.#options = options;
    this.#worktrees = new ComposedWorktrees(options.run.workFolder, options.storage);
  }

  manifest(request: AttemptRequest): Manifest {
    const { run, targets, subagents } = this.#options;
    const { item } = request;
    const targetName = item.target ?? this.#options.target;
    const target = required(targets.get(targetName), `target "${targetName}"`);
    const { subagent, digest } = required(subagents.get(String(item.inputs['subagent'])), 'its subagent');
    const source = run.source?.snapshot;
    const hasWorktree = source !== undefined || request.patches.length > 0;
    const dispatch: DispatchManifest = {
      target: targetName,
      provider: target.info.summary,
      image: target.info.image,
      subagent: { name: subagent.name, digest, runtime: subagent.runtime },
      command: renderCommand(subagent.command ?? [], item.inputs['workerInput']),
      inputDigest: digestSchema.parse(digestOf(inputText(request))),
      env: { ...subagent.env, ...item.env },
      network: effectiveNetwork(item, subagent),
      limits: manifestLimits(effectiveLimits(item, subagent, run.declarations.defaults)),
      ...(hasWorktree
        ? {
            worktree: {
              ...(source === undefined ? {} : { source }),
              patches: request.patches.map((patch) => ({ ...patch })),
            },
          }
        : {}),
      needs: request.needs.map((need) => ({ ...need })),
    };
    return { ...baseManifest(run, request), dispatch };
  }

  async execute(
    request: AttemptRequest,
    fired: FiredManifest,
    signals: AttemptSignals,
  ): Promise<ExecutedAttempt | undefined> {
    const startedAt = performance.now();
    const missing = Object.keys(request.item.needs ?? {}).find(
      (key) => !request.needs.some((need) => need.key === key),
    );
    if (missing !== undefined) {
      return { outcome: refused('refused', `needs."${missing}" names a product its item did not make`, startedAt) };
    }
    const dispatch = required(fired.manifest.dispatch, 'its dispatch manifest');
    const prepared = await this.#prepare(request, dispatch, { fired, signals });
    if (prepared === 'stopped') return fired.isResumed ? undefined : { outcome: neverStarted(signals, startedAt) };
    if ('conflict' in prepared) return { outcome: refused('patch-conflict', prepared.conflict, startedAt) };

    const { storage, targets } = this.#options;
    const { compute } = required(targets.get(dispatch.target), `target "${dispatch.target}"`);
    try {
      const ended = await runDispatch(
        { compute, storage, onProblem: (line) => this.#say(request, line) },
        { task: prepared.task, isResumed: fired.isResumed },
        signals,
      );
      if (ended === undefined) return undefined;
      return { outcome: await this.#outcomeOf(request, ended.result), release: ended.release };
    } catch (error) {
      if (isAppError(error, 'image-missing')) return { outcome: refused('image-missing', error.message, startedAt) };
      throw error;
    }
  }

  /** Waits while the disk is full; `stopped` when nobody wants the attempt any more. */
  async #prepare(
    request: AttemptRequest,
    dispatch: DispatchManifest,
    { fired, signals }: { readonly fired: FiredManifest; readonly signals: AttemptSignals },
  ): Promise<Prepared | 'stopped'> {
    const signal = fired.isResumed ? signals.detach : AbortSignal.any([signals.stop, signals.detach]);
    try {
      const onProblem = (line: string) => this.#say(request, line);
      return await patiently(() => this.#taskOf(request, dispatch), { signal, onProblem });
    } catch (error) {
      if (signal.aborted) return 'stopped';
      throw error;
    }
  }

  #say({ item, attempt }: AttemptRequest, line: string): void {
    const { runId, onLine } = this.#options.run;
    onLine(`run ${runId}, attempt ${attempt} of "${item.id}": ${line}`);
  }

  async #taskOf(request: AttemptRequest, dispatch: DispatchManifest): Promise<Prepared> {
    const { run, storage, subagents } = this.#options;
    const { item } = request;
    const { subagent } = required(subagents.get(dispatch.subagent.name), 'its subagent');
    const inputs: TaskInput[] = [this.#input('input.json', await storage.putBlob(Buffer.from(inputText(request))))];
    if (dispatch.worktree !== undefined) {
      const composed = await this.#worktrees.compose(dispatch.worktree.source, request.patches);
      if (composed.kind === 'conflict') return { conflict: composed.message };
      inputs.push(this.#input('worktree.tar', composed.tar));
    }
    for (const need of request.needs) {
      const digest = digestOfRef(need.ref);
      const blob = required(await storage.statBlob(digest), `artifact "${need.ref}" in storage`);
      inputs.push(this.#input(`inputs/${need.key}`, blob));
    }
    const task: Task = {
      spec: {
        dispatchId: request.dispatchId,
        agent: { runtime: 'command', command: dispatch.command },
        blocks: defaultBlocks(),
        ...nothingElseHandedIn,
        env: dispatch.env,
        limits: effectiveLimits(item, subagent, run.declarations.defaults),
        network: dispatch.network,
        hasWorktree: dispatch.worktree !== undefined,
        inputKeys: request.needs.map((need) => need.key),
        secretBytes: 0,
      },
      owner: { deploymentId: run.deploymentId, runId: run.runId, itemId: item.id, attempt: request.attempt },
      inputs,
      secrets: {},
      allowUnsandboxed: run.allowUnsandboxed,
    };
    return { task };
  }

  #input(path: string, { digest, sizeBytes }: StoredBlob): TaskInput {
    return { path, digest, sizeBytes, content: () => this.#options.storage.getBlob(digest) };
  }

  async #outcomeOf(request: AttemptRequest, result: DispatchResult): Promise<AttemptOutcome> {
    const { collected, ...judged } = result;
    const artifacts = collected === undefined ? [] : this.#artifactsOf(request, collected);
    const objection = judged.outcome === 'done' ? await this.#objectionTo(request, collected) : undefined;
    const outcome = objection === undefined ? judged : { ...judged, outcome: 'failed' as const, ...objection };
    return { ...withLogHint(outcome, artifacts), artifacts };
  }

  #artifactsOf(request: AttemptRequest, collected: Collected): Artifact[] {
    const { namespace } = this.#options;
    const artifacts: Artifact[] = [];
    const add = (
      artifact: Omit<Artifact, 'ref' | 'sizeBytes'>,
      blob: { readonly digest: Digest; readonly sizeBytes: number },
    ) =>
      artifacts.push({
        ...artifact,
        ref: artifactRef(namespace, request.dispatchId, blob.digest),
        sizeBytes: blob.sizeBytes,
      });
    if (collected.patch !== undefined) add({ port: 'patch', mediaType: 'text/x-diff' }, collected.patch);
    if (collected.log !== undefined) add({ port: 'log', mediaType: 'application/jsonl' }, collected.log);
    for (const output of collected.outputs) {
      add({ port: 'output', path: output.path, mediaType: 'application/octet-stream' }, output);
    }
    return artifacts;
  }

  /** A patch must be one that can be applied; with `enforceLocks` it may only touch what its item's locks cover. */
  async #objectionTo(
    request: AttemptRequest,
    collected: Collected | undefined,
  ): Promise<{ readonly code: FailureCode; readonly message: string } | undefined> {
    if (collected?.patch === undefined) return undefined;
    const patch = await this.#worktrees.readPatch(collected.patch.digest);
    let paths: readonly string[];
    try {
      paths = patchPaths(patch);
    } catch (error) {
      if (!isAppError(error, 'invalid-input')) throw error;
      return { code: 'integrity', message: `its patch cannot be applied anywhere: ${error.message}` };
    }
    if (!this.#options.run.enforceLocks) return undefined;
    const outside = paths.find((path) => !request.item.resourceLocks.some((key) => keyCovers(key, path)));
    if (outside === undefined) return undefined;
    return {
      code: 'lock-violation',
      message: `its patch touches "${outside}", which none of its resourceLocks covers`,
    };
  }
}

/** A failed item's reason says where to read what it printed. */
function withLogHint<T extends Pick<AttemptOutcome, 'outcome' | 'message'>>(
  outcome: T,
  artifacts: readonly Artifact[],
): T {
  const log = artifacts.find((artifact) => artifact.port === 'log');
  if (outcome.outcome !== 'failed' || log === undefined) return outcome;
  const hint = `what it printed: agora artifact get ${digestOfRef(log.ref)}`;
  return { ...outcome, message: outcome.message === undefined ? hint : `${outcome.message}; ${hint}` };
}

/** The file a worker finds at `AGORA_INPUT`. */
function inputText(request: AttemptRequest): string {
  return canonicalize(request.item.inputs['workerInput'] ?? null);
}

function refused(
  code: 'refused' | 'patch-conflict' | 'image-missing',
  message: string,
  startedAt: number,
): AttemptOutcome {
  return {
    outcome: 'failed',
    code,
    message: message.slice(0, 1024),
    durationMs: performance.now() - startedAt,
    artifacts: [],
  };
}

function neverStarted({ stop }: AttemptSignals, startedAt: number): AttemptOutcome {
  return { ...unstartedResult(performance.now() - startedAt, !stop.aborted), artifacts: [] };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new AppError('internal', `Cannot run a dispatch: ${what} is not there`);
  return value;
}
