import type { PlanProblem } from '../contracts/host-change.ts';
import { isUp } from './gate.ts';
import type { Pass } from './pass.ts';
import { slotsOf } from './workspace.ts';

/**
 * Workspaces that are down in the middle of their exchange, on a host where nothing is done. An agent that is told to stop
 * brings back what it took down; one that was killed before it heard of it cannot, so people are told.
 */
export function interruptedExchanges(pass: Pass): PlanProblem[] {
  return Object.entries(pass.target.spec.workspaces).flatMap(([name, spec]) => {
    const { current, next, previous } = slotsOf(pass, name, spec);
    const isExchange = next !== undefined || previous !== undefined;
    if (!spec.running || !isExchange || [current, next, previous].some((one) => one !== undefined && isUp(one)))
      return [];
    const before = previous ?? current ?? next;
    const message = `Workspace "${name}" is down: its exchange was interrupted, and nothing is done on a host that is disabled`;
    return [{ name, message, next: `Enable the host, or run what was there before: docker start ${before?.name}` }];
  });
}
