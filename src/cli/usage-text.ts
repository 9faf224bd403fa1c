import { formatDuration } from '../base/duration.ts';
import type { Spent } from '../contracts/status.ts';
import type { RunState } from './run-state.ts';

/** What all items of a run used together, `''` when no model ran. */
export function usageText({ items }: RunState): string {
  const used = [...items.values()].flatMap((item) => item.usage ?? []);
  if (used.length === 0) return '';
  const sum = (pick: (spent: Spent) => number | undefined) => used.reduce((total, one) => total + (pick(one) ?? 0), 0);
  const input = sum((spent) => spent.inputTokens + spent.cacheReadTokens + spent.cacheWriteTokens);
  const cost = sum((spent) => spent.costMicroUsd);
  const modelMs = sum((spent) => spent.modelMs);
  const turns = sum((spent) => spent.turns);
  return [
    `${input} tokens in, ${sum((spent) => spent.outputTokens)} out`,
    ...(turns === 0 ? [] : [`${turns} ${turns === 1 ? 'turn' : 'turns'}`]),
    ...(cost === 0 ? [] : [`$${(cost / 1e6).toFixed(4)}`]),
    ...(modelMs === 0 ? [] : [`${formatDuration(modelMs)} of model time`]),
  ].join(', ');
}
