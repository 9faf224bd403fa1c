import { formatDuration } from '../base/duration.ts';
import { type Change, changeStages, type PlanProblem, type PlanStep } from '../contracts/host-change.ts';
import { oneLine } from './one-line.ts';

const lineLength = 1_500;

/** The last stage that a change has come to. */
export function stageOf({ times }: Change): string {
  return changeStages.findLast((stage) => times[stage] !== undefined) ?? '';
}

/** `accepted 2026-…Z → delivered +85 ms → planned …`: those it has not come to are left out. */
export function progressText({ times }: Change): string {
  const { accepted } = times;
  return changeStages
    .flatMap((stage) => {
      const at = times[stage];
      if (at === undefined) return [];
      if (stage === 'accepted' || accepted === undefined) return [`${stage} ${at}`];
      return [`${stage} +${formatDuration(Math.max(0, Date.parse(at) - Date.parse(accepted)))}`];
    })
    .join(' → ');
}

export function stepLine({ kind, name, reason }: Pick<PlanStep, 'kind' | 'name' | 'reason'>): string {
  return oneLine(`${kind} ${name}: ${reason}`, lineLength);
}

export function problemLine({ name, message, next }: PlanProblem): string {
  return oneLine(`${name}: ${message}${next === undefined ? '' : `; next: ${next}`}`, lineLength);
}
