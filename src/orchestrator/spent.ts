import type { Spent } from '../contracts/status.ts';
import type { Usage } from '../contracts/task.ts';

/** What a dispatch used, in the whole numbers of records and statuses. */
export function spentOf(usage: Usage): Spent {
  const { costUsd, modelMs, turns, ...tokens } = usage;
  return {
    ...tokens,
    ...(costUsd === undefined ? {} : { costMicroUsd: Math.round(costUsd * 1e6) }),
    ...(turns === undefined ? {} : { turns }),
    ...(modelMs === undefined ? {} : { modelMs: Math.round(modelMs) }),
  };
}

/** Both together; what only one of them knows is taken from it. */
export function addSpent(left: Spent | undefined, right: Spent | undefined): Spent | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return {
    models: [...new Set([...left.models, ...right.models])],
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    cacheReadTokens: left.cacheReadTokens + right.cacheReadTokens,
    cacheWriteTokens: left.cacheWriteTokens + right.cacheWriteTokens,
    ...addOptional(left, right, 'costMicroUsd'),
    ...addOptional(left, right, 'turns'),
    ...addOptional(left, right, 'modelMs'),
  };
}

function addOptional<K extends 'costMicroUsd' | 'turns' | 'modelMs'>(left: Spent, right: Spent, key: K) {
  const isKnown = left[key] !== undefined || right[key] !== undefined;
  return isKnown ? { [key]: (left[key] ?? 0) + (right[key] ?? 0) } : {};
}
