import type { TaskDeclarations } from '../contracts/declarations.ts';
import { taskDefaults } from '../contracts/names.ts';
import type { NetworkPolicy, PlanItem } from '../contracts/plan.ts';
import type { Subagent } from '../contracts/subagent.ts';
import type { TaskLimits } from '../contracts/task.ts';

/** The limits of an item: its own, else its subagent's, else the config's, else the defaults. */
export function effectiveLimits(item: PlanItem, subagent: Subagent, declared: TaskDeclarations): TaskLimits {
  const pick = <K extends 'cpus' | 'memoryMb' | 'pids' | 'diskMb'>(key: K): number =>
    item.resources?.[key] ?? subagent.resources?.[key] ?? declared.resources?.[key] ?? taskDefaults[key];
  return {
    cpus: pick('cpus'),
    memoryMb: pick('memoryMb'),
    pids: pick('pids'),
    diskMb: pick('diskMb'),
    outputBytes: taskDefaults.outputBytes,
    timeoutSeconds:
      item.timeoutSeconds ?? subagent.timeoutSeconds ?? declared.timeoutSeconds ?? taskDefaults.timeoutSeconds,
  };
}

/** What the worker may reach: the item's word, else what the subagent declares, else nothing. */
export function effectiveNetwork(item: PlanItem, subagent: Subagent): NetworkPolicy {
  return item.network ?? subagent.network ?? 'none';
}
