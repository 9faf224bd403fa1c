import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import type { DispatchWork } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type Digest, digestSchema, type ItemId } from '../contracts/ids.ts';
import type { PlanItem } from '../contracts/plan.ts';
import { type ResolvedWork, type ResolvePorts, resolveWork } from '../dispatch/resolve-work.ts';
import { registerSubagent } from '../registry/subagents.ts';
import { type ItemDefaults, ownWork, sharedWork } from './dispatch-work.ts';
import type { ExecutorRun } from './executor.ts';

interface Shared {
  readonly resolved: ResolvedWork;
  readonly blocksDigest: Digest;
}

export interface ResolvedItem extends Shared {
  readonly resolved: ResolvedWork;
}

/** What the dispatch items of a run resolve to: looked up once for each distinct combination. */
export class ResolvedItems {
  readonly #run: ExecutorRun;
  readonly #byItem: ReadonlyMap<ItemId, Shared | AppError>;

  private constructor(run: ExecutorRun, byItem: ReadonlyMap<ItemId, Shared | AppError>) {
    this.#run = run;
    this.#byItem = byItem;
  }

  /** Raises what may pass: an engine or storage that is away, a name that may be registered yet. */
  static async resolve(
    run: ExecutorRun,
    items: readonly PlanItem[],
    { ports, defaults }: { readonly ports: ResolvePorts; readonly defaults: ItemDefaults },
  ): Promise<ResolvedItems> {
    const pinned = await pinDeclared(run, items, ports);
    const combinations = new Map<string, Promise<Shared | AppError>>();
    const byItem = new Map<ItemId, Shared | AppError>();
    for (const item of items) {
      const asked = sharedWork(item, defaults);
      const work = { ...asked, subagent: pinned.get(asked.subagent) ?? asked.subagent };
      const key = canonicalize(work);
      const known = combinations.get(key) ?? resolveShared(ports, work);
      combinations.set(key, known);
      byItem.set(item.id, await known);
    }
    return new ResolvedItems(run, byItem);
  }

  /** What an item runs. Raises the `AppError` that says why it cannot. */
  of(item: PlanItem): ResolvedItem {
    const shared = this.#byItem.get(item.id);
    if (shared === undefined) throw new AppError('internal', `Cannot run item "${item.id}": it was not looked up`);
    if (shared instanceof AppError) throw shared;
    return { ...shared, resolved: ownWork(shared.resolved, item, this.#run) };
  }

  /** Every target and runtime that is needed. */
  *places(): Generator<{ readonly target: string; readonly runtime: ResolvedWork['subagent']['subagent']['runtime'] }> {
    for (const shared of new Set(this.#byItem.values())) {
      if (shared instanceof AppError) continue;
      yield { target: shared.resolved.work.target, runtime: shared.resolved.subagent.subagent.runtime };
    }
  }
}

/** Declared subagents are registered, once each, so that their digests lead to what ran. */
async function pinDeclared(
  { declarations }: ExecutorRun,
  items: readonly PlanItem[],
  { storage, namespace }: ResolvePorts,
): Promise<ReadonlyMap<string, string>> {
  const pinned = new Map<string, string>();
  for (const name of new Set(items.map((item) => String(item.inputs['subagent'])))) {
    const subagent = Object.hasOwn(declarations.subagents, name) ? declarations.subagents[name] : undefined;
    if (subagent === undefined) continue;
    const { digest } = await registerSubagent(storage, namespace, subagent);
    pinned.set(name, `${name}@${digest}`);
  }
  return pinned;
}

async function resolveShared(ports: ResolvePorts, work: DispatchWork): Promise<Shared | AppError> {
  try {
    const resolved = await resolveWork(ports, work);
    return { resolved, blocksDigest: digestSchema.parse(digestOf(canonicalize(resolved.blocks))) };
  } catch (error) {
    if (isAppError(error) && (error.code === 'refused' || error.code === 'invalid-input')) return error;
    throw error;
  }
}
