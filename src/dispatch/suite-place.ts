import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pack } from 'tar-stream';
import { aTaskResult } from '../../test/support/a-task-result.ts';
import type { Compute, LogChunk, ProviderInfo, TaskExit, TaskHandle } from '../compute/compute.ts';
import { AppError } from '../contracts/errors.ts';
import { type DispatchId, deploymentIdSchema } from '../contracts/ids.ts';
import { outNames } from '../contracts/names.ts';
import type { Subagent } from '../contracts/subagent.ts';
import type { Task, TaskResult } from '../contracts/task.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { LocalStorage } from '../storage/local.ts';
import type { DispatchPlace } from './place.ts';

/** A provider in the hands of its test: tasks end when it says so, with the files it says, and it fails on demand. */
export class HeldCompute implements Compute {
  readonly outlivesDaemon = true;
  readonly tasks = new Map<DispatchId, { readonly task: Task; readonly handle: TaskHandle }>();
  /** Raised by the next start. */
  startError: AppError | undefined;
  readonly #ended = new Map<DispatchId, PromiseWithResolvers<TaskExit>>();
  readonly #files = new Map<DispatchId, Readonly<Record<string, string>>>();

  async start(task: Task): Promise<TaskHandle> {
    if (this.startError !== undefined) throw this.startError;
    const { dispatchId } = task.spec;
    const handle = { dispatchId, owner: task.owner, providerId: `held-${dispatchId}`, image: 'held' };
    this.tasks.set(dispatchId, { task, handle });
    this.#ended.set(dispatchId, Promise.withResolvers());
    return handle;
  }

  /** Ends a task as a worker does that left this. */
  end(dispatchId: DispatchId, result: Partial<TaskResult> = {}, files: Readonly<Record<string, string>> = {}): void {
    const text = JSON.stringify(aTaskResult({ dispatchId, ...result }));
    this.#files.set(dispatchId, { ...files, [outNames.result]: text });
    this.#ended.get(dispatchId)?.resolve({ kind: 'exited', exitCode: 0, isOutOfMemory: false });
  }

  async wait({ dispatchId }: TaskHandle, signal: AbortSignal): Promise<TaskExit> {
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    const ended = this.#ended.get(dispatchId)?.promise ?? { kind: 'lost' as const, reason: 'it is not there' };
    return Promise.race([ended, aborted]);
  }

  async *collect({ dispatchId }: TaskHandle): AsyncGenerator<Uint8Array> {
    if (!this.tasks.has(dispatchId)) throw new AppError('not-found', 'Cannot collect: it is not there');
    const tar = pack();
    for (const [name, text] of Object.entries(this.#files.get(dispatchId) ?? {})) tar.entry({ name }, text);
    tar.finalize();
    yield* tar as AsyncIterable<Uint8Array>;
  }

  async *logs(): AsyncGenerator<LogChunk> {}

  async stop({ dispatchId }: TaskHandle): Promise<void> {
    this.end(dispatchId, { outcome: 'stopped', exitCode: null, signal: 'SIGTERM' });
  }

  async remove({ dispatchId }: TaskHandle): Promise<void> {
    this.tasks.delete(dispatchId);
  }

  async list(): Promise<TaskHandle[]> {
    return [...this.tasks.values()].map(({ handle }) => handle);
  }

  async describe(): Promise<ProviderInfo> {
    const limits = { cpus: 'enforced', memory: 'enforced', pids: 'enforced', disk: 'partly' } as const;
    return { summary: 'held', image: 'held', limits: { ...limits, network: 'enforced', files: 'enforced' } };
  }

  async close(): Promise<void> {}
}

export interface PlaceForTests extends DispatchPlace {
  readonly compute: HeldCompute;
  readonly secretStore: LocalSecretStore;
}

/** A place with storage and secrets in a folder of its own; its one target is `held`. */
export async function placeForTests(
  t: TestContext,
  declared: Readonly<Record<string, Subagent>> = { echo: anEcho },
): Promise<PlaceForTests> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-dispatch-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const compute = new HeldCompute();
  const secretStore = new LocalSecretStore({ folder: join(folder, 'secrets') });
  const deploymentId = deploymentIdSchema.parse(randomBytes(16).toString('hex'));
  return {
    namespace: 'default',
    storage: new LocalStorage({ root: join(folder, 'storage') }),
    targets: ['held'],
    compute,
    computeOf: () => compute,
    secrets: secretStore,
    secretStore,
    declared,
    defaults: {},
    deploymentId: async () => deploymentId,
  };
}

export const anEcho: Subagent = { name: 'echo', runtime: 'command', command: ['echo', '{{word}}'] };
