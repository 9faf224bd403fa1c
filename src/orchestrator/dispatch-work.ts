import { type DispatchWork, dispatchWorkSchema } from '../contracts/dispatch.ts';
import { dispatchInputsSchema } from '../contracts/dispatch-inputs.ts';
import type { PlanItem } from '../contracts/plan.ts';
import { effectiveLimits, effectiveNetwork } from '../dispatch/effective.ts';
import type { ResolvedWork } from '../dispatch/resolve-work.ts';
import type { ExecutorRun } from './executor.ts';

/** What every item of an executor gets besides what its plan says. */
export interface ItemDefaults {
  readonly target: string;
  /** Before the item's own. */
  readonly env: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly workerImage: string | undefined;
}

/** The part of an item that has to be looked up; many items of a run have it in common. */
export function sharedWork(item: PlanItem, defaults: ItemDefaults): DispatchWork {
  const inputs = dispatchInputsSchema.parse(item.inputs);
  const { subagent, capabilities, addCapabilities = [], pipeline, model, env = [] } = inputs;
  const { workerImage, secrets } = defaults;
  return dispatchWorkSchema.parse({
    subagent,
    target: item.target ?? defaults.target,
    env: [...defaults.env, ...(Array.isArray(env) ? env : [env])],
    addCapabilities,
    secrets,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(model === undefined ? {} : { model }),
    ...(workerImage === undefined ? {} : { image: workerImage }),
  });
}

/** The work of one item, from the part that was looked up. Raises `refused` when its network contradicts a need. */
export function ownWork(shared: ResolvedWork, item: PlanItem, { declarations }: ExecutorRun): ResolvedWork {
  const { subagent } = shared.subagent;
  const { env = {}, resources, timeoutSeconds, network, inputs } = item;
  const variables = Object.entries({ ...shared.variables, ...env });
  return {
    ...shared,
    work: {
      ...shared.work,
      input: inputs['workerInput'] ?? null,
      variables: env,
      ...(resources === undefined ? {} : { resources }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...(network === undefined ? {} : { network }),
    },
    variables: Object.fromEntries(variables.filter(([name]) => !Object.hasOwn(shared.secretRefs, name))),
    network: effectiveNetwork(item, subagent),
    limits: effectiveLimits(item, subagent, declarations.defaults),
  };
}
