import { observe } from '../../src/agent/observe.ts';
import type { HostObservation } from '../../src/contracts/host-observation.ts';
import { type HostSpec, hostSpecSchema } from '../../src/contracts/host-spec.ts';
import { emptyMemory } from '../../src/reconcile/memory.ts';
import { type Circumstances, reconcile } from '../../src/reconcile/reconcile.ts';
import type { Decision, Target } from '../../src/reconcile/target.ts';
import { aTarget, SimulatedHost } from './simulated-host.ts';
import { SimulatedHostEngine } from './simulated-host-engine.ts';
import { SimulatedState } from './simulated-state.ts';

export function aSpec(spec: Record<string, unknown>): HostSpec {
  return hostSpecSchema.parse({ schemaVersion: 1, ...spec });
}

/** An engine whose registry has busybox 1 and 2, made as is declared. */
export async function settledState(spec: Record<string, unknown> = {}): Promise<SimulatedState> {
  const state = new SimulatedState();
  state.registry.set('busybox:1', 'image-1');
  state.registry.set('busybox:2', 'image-2');
  await new SimulatedHost(state).converge(aTarget(aSpec(spec)));
  return state;
}

export interface DecideOptions extends Partial<Circumstances> {
  readonly target?: Partial<Target>;
  readonly seen?: (observed: HostObservation) => HostObservation;
}

/** What is decided for a spec on an engine as it is now. */
export async function decide(
  state: SimulatedState,
  spec: Record<string, unknown>,
  { target = {}, seen = (observed) => observed, ...circumstances }: DecideOptions = {},
): Promise<Decision> {
  const observed = await observe(new SimulatedHostEngine(state));
  return reconcile(aTarget(aSpec(spec), target), seen(observed), {
    memory: emptyMemory,
    now: state.nowMs,
    ...circumstances,
  });
}

/** Steps as `<kind> <name> (<what they come after>): <reason>`. */
export function linesOf({ steps }: Pick<Decision, 'steps'>): string[] {
  return steps.map(({ kind, name, reason, after }) => `${kind} ${name} (${after.join()}): ${reason}`);
}

export function messagesOf({ problems }: Pick<Decision, 'problems'>): string[] {
  return problems.map(({ name, message }) => `${name}: ${message}`);
}
