import { deploymentIdSchema, dispatchIdSchema, itemIdSchema, runIdSchema } from '../contracts/ids.ts';
import { containerLabels, workerPaths } from '../contracts/names.ts';
import type { Task, TaskOwner } from '../contracts/task.ts';
import type { ContainerSpec, ContainerSummary } from '../engine/engine.ts';
import type { TaskHandle } from './compute.ts';

const mebibyte = 1024 * 1024;

/** Where a worker may write. The archive API writes neither memory nor read-only mounts, so `in` is one of them. */
const volumes = [workerPaths.in, workerPaths.out, workerPaths.git, workerPaths.outputs, workerPaths.workspace];

/** The supervisor's: to become the subagent's user, to kill its processes, to own and read what it leaves. */
const capabilities = ['SETUID', 'SETGID', 'KILL', 'CHOWN', 'DAC_OVERRIDE'];

/** The hardened container of a task, on a network if it may use one. */
export function containerSpec(task: Task, image: string, network = 'none'): ContainerSpec {
  const { dispatchId, limits } = task.spec;
  return {
    name: dispatchId,
    image,
    labels: labelsOf(task),
    capabilities,
    volumes,
    // Half the memory at most, so that a full /tmp is a full disk and not the end of the worker.
    tmpfs: { '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${Math.max(1, Math.floor(limits.memoryMb / 2))}m` },
    hasStdin: true,
    cpus: limits.cpus,
    memoryBytes: limits.memoryMb * mebibyte,
    pids: limits.pids,
    network,
    logBytes: 16 * mebibyte,
  };
}

function labelsOf({ spec, owner }: Task): Record<string, string> {
  return {
    [containerLabels.deployment]: owner.deploymentId,
    [containerLabels.dispatchId]: spec.dispatchId,
    ...(owner.runId !== undefined && { [containerLabels.runId]: owner.runId }),
    ...(owner.itemId !== undefined && { [containerLabels.itemId]: owner.itemId }),
    ...(owner.attempt !== undefined && { [containerLabels.attempt]: String(owner.attempt) }),
  };
}

/** What a container says it is; undefined when its labels are not ours. */
export function handleOf({ id, imageId, labels }: ContainerSummary): TaskHandle | undefined {
  const dispatchId = dispatchIdSchema.safeParse(labels[containerLabels.dispatchId]);
  const owner = ownerOf(labels);
  if (!dispatchId.success || owner === undefined) return undefined;
  return { dispatchId: dispatchId.data, owner, providerId: id, image: imageId };
}

function ownerOf(labels: Readonly<Record<string, string>>): TaskOwner | undefined {
  const deploymentId = deploymentIdSchema.safeParse(labels[containerLabels.deployment]);
  if (!deploymentId.success) return undefined;
  const runId = runIdSchema.safeParse(labels[containerLabels.runId]);
  const itemId = itemIdSchema.safeParse(labels[containerLabels.itemId]);
  const attempt = Number(labels[containerLabels.attempt]);
  return {
    deploymentId: deploymentId.data,
    ...(runId.success && { runId: runId.data }),
    ...(itemId.success && { itemId: itemId.data }),
    ...(Number.isInteger(attempt) && attempt > 0 && { attempt }),
  };
}
