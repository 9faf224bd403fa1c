import { canonicalize } from '../base/canonical-json.ts';
import { AppError } from '../contracts/errors.ts';
import { type ArtifactRef, type DispatchId, digestOfRef } from '../contracts/ids.ts';
import { inNames, taskDefaults } from '../contracts/names.ts';
import type { Answer } from '../contracts/question.ts';
import type { Task, TaskAgent, TaskInput, TaskOwner } from '../contracts/task.ts';
import type { SecretSource } from '../secrets/secrets.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';
import { resolveSecrets } from './resolve-secrets.ts';
import type { ResolvedWork } from './resolve-work.ts';

export interface TaskPorts {
  readonly storage: Storage;
  readonly secrets: SecretSource;
}

export interface TaskWish {
  readonly dispatchId: DispatchId;
  readonly owner: TaskOwner;
  readonly agent: TaskAgent;
  /** Any JSON; the file at `AGORA_INPUT`. */
  readonly input: unknown;
  readonly worktree?: StoredBlob | undefined;
  /** Artifacts handed in as `inputs/<key>`. */
  readonly needs: readonly { readonly key: string; readonly ref: ArtifactRef }[];
  /** What an earlier dispatch had done, and what its question was answered with. */
  readonly partialPatch?: ArtifactRef | undefined;
  readonly answer?: Answer | undefined;
  readonly session?: ArtifactRef | undefined;
  readonly allowUnsandboxed?: boolean | undefined;
}

/**
 * Everything a provider needs to run it. Secrets get their values here, just before the start. Raises `secret-missing`,
 * `not-found` for an artifact that is not in storage, and what the storage raises.
 */
export async function buildTask(ports: TaskPorts, resolved: ResolvedWork, wish: TaskWish): Promise<Task> {
  const { overlay } = resolved;
  const [inputs, secrets] = await Promise.all([
    taskInputs(ports.storage, resolved, wish),
    resolveSecrets(ports.secrets, resolved.secretRefs),
  ]);
  const hasSecrets = Object.keys(secrets).length > 0;
  return {
    spec: {
      dispatchId: wish.dispatchId,
      agent: wish.agent,
      blocks: [...resolved.blocks],
      env: resolved.variables,
      limits: resolved.limits,
      network: resolved.network,
      hasWorktree: wish.worktree !== undefined,
      hasOverlay: overlay !== undefined,
      setup: [...(overlay?.setup ?? [])],
      setupTimeoutSeconds: taskDefaults.setupTimeoutSeconds,
      hasPartialPatch: wish.partialPatch !== undefined,
      hasAnswer: wish.answer !== undefined,
      inputKeys: wish.needs.map(({ key }) => key),
      secretBytes: hasSecrets ? Buffer.byteLength(JSON.stringify(secrets)) : 0,
    },
    owner: wish.owner,
    inputs,
    secrets,
    ...(resolved.work.image === undefined ? {} : { image: resolved.work.image }),
    ...(wish.allowUnsandboxed === undefined ? {} : { allowUnsandboxed: wish.allowUnsandboxed }),
  };
}

async function taskInputs(storage: Storage, { overlay }: ResolvedWork, wish: TaskWish): Promise<TaskInput[]> {
  const json = (path: string, value: unknown) => putInput(storage, path, canonicalize(value));
  const artifact = (path: string, ref: ArtifactRef | undefined) =>
    ref === undefined ? undefined : artifactInput(storage, path, ref);
  const blob = (path: string, stored: StoredBlob | undefined) =>
    stored === undefined ? undefined : storedInput(storage, path, stored);
  const inputs = await Promise.all([
    json(inNames.workerInput, wish.input ?? null),
    blob(inNames.worktree, wish.worktree),
    blob(inNames.overlay, overlay?.tar),
    artifact(inNames.partialPatch, wish.partialPatch),
    artifact(inNames.session, wish.session),
    wish.answer === undefined ? undefined : json(inNames.answer, wish.answer),
    ...wish.needs.map(({ key, ref }) => artifactInput(storage, `${inNames.inputs}/${key}`, ref)),
  ]);
  return inputs.filter((input) => input !== undefined);
}

async function putInput(storage: Storage, path: string, text: string): Promise<TaskInput> {
  return storedInput(storage, path, await storage.putBlob(Buffer.from(text)));
}

async function artifactInput(storage: Storage, path: string, ref: ArtifactRef): Promise<TaskInput> {
  const stored = await storage.statBlob(digestOfRef(ref));
  if (stored !== undefined) return storedInput(storage, path, stored);
  throw new AppError('not-found', `Cannot hand in "${path}": artifact "${ref}" is not in storage`);
}

function storedInput(storage: Storage, path: string, { digest, sizeBytes }: StoredBlob): TaskInput {
  return { path, digest, sizeBytes, content: () => storage.getBlob(digest) };
}
