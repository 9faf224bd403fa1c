import { AppError, isAppError } from '../contracts/errors.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { Engine } from '../engine/engine.ts';

/** Shared by the deployments of an engine and kept: it holds nothing, and each network takes a range of addresses. */
export const internetNetwork = { name: 'agora-internet', labels: { 'agora.network': 'internet' } } as const;

/** The network of a task's container. On the engine's own bridge, workers could reach each other. */
export async function networkOf(engine: Engine, { network }: Pick<TaskSpec, 'network'>): Promise<string> {
  if (network !== 'internet') return 'none';
  const { name, labels } = internetNetwork;
  try {
    return await engine.isolatedNetwork(name, labels);
  } catch (cause) {
    if (!isAppError(cause, 'task-conflict')) throw cause;
    throw new AppError('task-conflict', `Cannot use the network name "${name}": a network that is not ours has it`, {
      cause,
      next: `Remove that network if nothing needs it: \`docker network rm ${name}\`.`,
    });
  }
}
