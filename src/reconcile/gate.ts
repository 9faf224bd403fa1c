import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { WorkspaceSpec } from '../contracts/host-spec.ts';
import { timeSpanInMs } from '../contracts/host-units.ts';

/** Whether a new container has shown that it may take the place of the old one. */
export type Verdict =
  | { readonly is: 'startable' }
  | { readonly is: 'waiting'; readonly until: number }
  | { readonly is: 'good' }
  | { readonly is: 'bad'; readonly reason: string; readonly mayPass?: boolean };

export interface Candidate {
  readonly container: ObservedContainer;
  readonly spec: WorkspaceSpec;
  /** When it first ran; undefined before. */
  readonly since: number | undefined;
  readonly now: number;
  /** Why it could not be started, when that was tried often enough. */
  readonly startFailure: { readonly message: string; readonly mayPass?: boolean | undefined } | undefined;
}

/** Without a check, staying up is all there is to see, and more of it tells little. */
const longestStayUpMs = 10_000;

export function verdictOn({ container, spec, since, now, startFailure }: Candidate): Verdict {
  const withinMs = timeSpanInMs(spec.updateStrategy.healthyWithin);
  const hasCheck = spec.health !== undefined || container.health !== 'none';
  if (startFailure !== undefined && !isUp(container)) {
    return { is: 'bad', reason: startFailure.message, mayPass: startFailure.mayPass === true };
  }
  const until = (since ?? now) + (hasCheck ? withinMs : Math.min(withinMs, longestStayUpMs));

  switch (container.status) {
    case 'running':
      if (hasCheck)
        return container.health === 'healthy' ? { is: 'good' } : waitOrFail(until, now, 'it was not healthy in time');
      if (container.restartCount > 0) return { is: 'bad', reason: `it did not stay up: ${endOf(container)}` };
      return now >= until ? { is: 'good' } : { is: 'waiting', until };
    case 'restarting':
      if (hasCheck) return waitOrFail(until, now, `it did not stay up: ${endOf(container)}`);
      return { is: 'bad', reason: `it did not stay up: ${endOf(container)}` };
    case 'exited':
      if (mayEnd(spec)) return container.exitCode === 0 ? { is: 'good' } : { is: 'bad', reason: endOf(container) };
      return now >= until ? { is: 'bad', reason: `it did not stay up: ${endOf(container)}` } : { is: 'startable' };
    case 'created':
      return { is: 'startable' };
    case 'dead':
      return { is: 'bad', reason: 'the engine could not remove or start it' };
    case 'paused':
    case 'removing':
      return waitOrFail(until, now, `it is ${container.status}`);
  }
}

/** How a container ended, for people. */
export function endOf({ exitCode, isOutOfMemory, error }: ObservedContainer): string {
  const code = `it ended with exit code ${exitCode}`;
  if (isOutOfMemory) return `${code}, out of memory`;
  return error === '' ? code : `${code}: ${error}`;
}

export function isUp({ status }: ObservedContainer): boolean {
  return status === 'running' || status === 'restarting' || status === 'paused';
}

/** To end is not to fail, for a workspace that nobody starts again. */
function mayEnd({ restart }: WorkspaceSpec): boolean {
  return restart === 'no' || restart === 'on-failure';
}

function waitOrFail(until: number, now: number, reason: string): Verdict {
  return now >= until ? { is: 'bad', reason } : { is: 'waiting', until };
}
