import type { Usage } from '../contracts/task.ts';

/** What two runs of a subagent used together. */
export function addUsage(one: Usage | undefined, other: Usage | undefined): Usage | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const costUsd = sum(one.costUsd, other.costUsd);
  const turns = sum(one.turns, other.turns);
  const modelMs = sum(one.modelMs, other.modelMs);
  return {
    models: [...new Set([...one.models, ...other.models])],
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    cacheReadTokens: one.cacheReadTokens + other.cacheReadTokens,
    cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
    ...(costUsd !== undefined && { costUsd }),
    ...(turns !== undefined && { turns }),
    ...(modelMs !== undefined && { modelMs }),
  };
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0);
}
