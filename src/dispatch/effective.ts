import type { TaskDeclarations } from '../contracts/declarations.ts';
import { AppError } from '../contracts/errors.ts';
import { taskDefaults } from '../contracts/names.ts';
import type { NetworkPolicy, Resources } from '../contracts/plan.ts';
import type { RuntimeName, Subagent } from '../contracts/subagent.ts';
import type { TaskLimits } from '../contracts/task.ts';

/** What one piece of work asks for itself. */
export interface OwnWishes {
  readonly resources?: Resources | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly network?: NetworkPolicy | undefined;
}

/** Its own limits, else its subagent's, else the config's, else the defaults. */
export function effectiveLimits(own: OwnWishes, subagent: Subagent, declared: TaskDeclarations): TaskLimits {
  const pick = <K extends 'cpus' | 'memoryMb' | 'pids' | 'diskMb'>(key: K): number =>
    own.resources?.[key] ?? subagent.resources?.[key] ?? declared.resources?.[key] ?? taskDefaults[key];
  return {
    cpus: pick('cpus'),
    memoryMb: pick('memoryMb'),
    pids: pick('pids'),
    diskMb: pick('diskMb'),
    outputBytes: taskDefaults.outputBytes,
    timeoutSeconds:
      own.timeoutSeconds ?? subagent.timeoutSeconds ?? declared.timeoutSeconds ?? taskDefaults.timeoutSeconds,
  };
}

const runtimeNeeds: Readonly<Record<RuntimeName, NetworkPolicy>> = { command: 'none', 'claude-code': 'internet' };

/** What the worker may reach: its own word, else what the subagent or its runtime needs. `refused` when its word denies the need. */
export function effectiveNetwork(own: OwnWishes, subagent: Subagent): NetworkPolicy {
  const need = subagent.network ?? runtimeNeeds[subagent.runtime];
  if (own.network !== 'none' || need === 'none') return own.network ?? need;
  const whose = subagent.network === undefined ? `its runtime ${subagent.runtime} needs` : 'it declares that it needs';
  throw new AppError('refused', `Cannot run subagent "${subagent.name}" with network none: ${whose} ${need}`, {
    next: `Leave the network out, or give ${need}.`,
  });
}
