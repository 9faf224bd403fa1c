import { SimulatedHostEngine } from '../../test/support/simulated-host-engine.ts';
import { SimulatedState } from '../../test/support/simulated-state.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import type { StepReport } from '../contracts/host-change.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { emptyMemory } from '../reconcile/memory.ts';
import type { StepOutcome } from '../reconcile/remember.ts';
import type { Move, Step } from '../reconcile/step.ts';
import type { Decision } from '../reconcile/target.ts';
import { StepRunner, type StepRunnerOptions } from './apply.ts';
import type { MoveContext } from './apply-moves.ts';

export function aStep(name: string, rest: Partial<Step> = {}): Step {
  const moves: Move[] = [{ do: 'start', container: name }];
  return { kind: 'start-workspace', name, reason: 'test', after: [], moves, attempt: name, fingerprint: '', ...rest };
}

export function aDecision(steps: readonly Step[], underWay: readonly string[] = []): Decision {
  return { steps, problems: [], workspaces: [], memory: emptyMemory, underWay, isSettled: false };
}

/** A context whose engine starts containers and pulls as told. */
export function contextWith(calls: Partial<HostEngine>): MoveContext {
  const engine: HostEngine = Object.assign(new SimulatedHostEngine(new SimulatedState()), calls);
  return { engine, settings: defaultHostSettings, buildImage: async () => 'built', openSecrets: async () => ({}) };
}

export function aRunner(options: Partial<StepRunnerOptions> = {}) {
  const reports: string[] = [];
  const outcomes: [string, StepOutcome][] = [];
  const runner = new StepRunner({
    ...options,
    onReport: ({ name, state }: StepReport) => reports.push(`${name} ${state}`),
    onOutcome: ({ name }, outcome) => outcomes.push([name, outcome]),
  });
  return { runner, reports, outcomes };
}
