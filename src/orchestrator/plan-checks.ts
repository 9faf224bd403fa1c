import { suggestion } from '../base/suggest.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { defaultExecutorName, limits } from '../contracts/names.ts';
import type { PlanItem } from '../contracts/plan.ts';
import { checkDispatch, type Known } from './dispatch-checks.ts';
import { unknownName } from './unknown-name.ts';

/** A plan as far as its schema could read it: what could not be read is undefined. */
export interface PlanSketch {
  readonly queue: string | undefined;
  readonly items: readonly (PlanItem | undefined)[];
  /** Ids as written, also of items that are wrong otherwise. */
  readonly ids: readonly (string | undefined)[];
}

/** What the schema cannot say: references, names, cycles. At most `limits.planProblems` are returned. */
export function checkPlan(plan: PlanSketch, { declarations, names }: Known): Problem[] {
  const problems: Problem[] = [];
  const indexes = new Map<string, number>();
  plan.ids.forEach((id, index) => {
    if (id === undefined) return;
    const first = indexes.get(id);
    if (first === undefined) indexes.set(id, index);
    else problems.push({ path: `items[${index}].id`, message: `"${id}" is also the id of items[${first}]` });
  });

  if (plan.queue !== undefined) checkName(problems, 'queue', 'queue', plan.queue, Object.keys(declarations.queues));
  plan.items.forEach((item, index) => {
    if (item === undefined || problems.length >= limits.planProblems) return;
    const path = `items[${index}]`;
    checkReferences(problems, path, item, indexes);
    checkName(problems, `${path}.executor`, 'executor', item.executor, declarations.executors);
    if (item.target !== undefined) checkName(problems, `${path}.target`, 'target', item.target, declarations.targets);
    if (item.executor === defaultExecutorName) {
      problems.push(...checkDispatch(path, item, { declarations, names }));
    }
  });
  const items = plan.items.filter((item) => item !== undefined);
  if (problems.length === 0 && items.length === plan.items.length) problems.push(...checkCycles(items, indexes));
  return problems.slice(0, limits.planProblems);
}

/** Ids of the items this one waits for, each once. */
export function dependenciesOf(item: PlanItem): string[] {
  const ids = new Set<string>(item.depends_on);
  for (const need of Object.values(item.needs ?? {})) ids.add(need.from);
  return [...ids];
}

function checkReferences(
  problems: Problem[],
  path: string,
  item: PlanItem,
  indexes: ReadonlyMap<string, number>,
): void {
  item.depends_on.forEach((id, index) => {
    if (!indexes.has(id)) {
      const message = `no item "${id}" in this plan${suggestion(id, indexes.keys())}`;
      problems.push({ path: `${path}.depends_on[${index}]`, message });
    }
  });
  for (const [key, need] of Object.entries(item.needs ?? {})) {
    if (!indexes.has(need.from)) {
      const message = `no item "${need.from}" in this plan${suggestion(need.from, indexes.keys())}`;
      problems.push({ path: `${path}.needs.${key}.from`, message });
    }
  }
}

function checkName(problems: Problem[], path: string, kind: string, name: string, known: readonly string[]): void {
  if (!known.includes(name)) problems.push({ path, message: unknownName(kind, name, { declared: known }) });
}

/** Kahn's algorithm: what it cannot remove lies on or behind a cycle. Iterative, so 100,000 items are no matter. */
function checkCycles(items: readonly PlanItem[], indexes: ReadonlyMap<string, number>): Problem[] {
  const waiting = items.map((item) => dependenciesOf(item).length);
  const dependents: number[][] = items.map(() => []);
  items.forEach((item, index) => {
    for (const id of dependenciesOf(item)) dependents[indexes.get(id) ?? 0]?.push(index);
  });
  const free = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let next = free.pop(); next !== undefined; next = free.pop()) {
    for (const dependent of dependents[next] ?? []) {
      const left = (waiting[dependent] ?? 0) - 1;
      waiting[dependent] = left;
      if (left === 0) free.push(dependent);
    }
  }
  const stuck = waiting.findIndex((count) => count > 0);
  if (stuck < 0) return [];
  return [cycleProblem(items, indexes, waiting, stuck)];
}

function cycleProblem(
  items: readonly PlanItem[],
  indexes: ReadonlyMap<string, number>,
  waiting: readonly number[],
  start: number,
): Problem {
  const seen = new Map<number, number>();
  const path: number[] = [];
  let at = start;
  while (!seen.has(at)) {
    seen.set(at, path.length);
    path.push(at);
    const item = items[at];
    const next =
      item &&
      dependenciesOf(item)
        .map((id) => indexes.get(id) ?? -1)
        .find((index) => (waiting[index] ?? 0) > 0);
    at = next ?? start;
  }
  const cycle = path.slice(seen.get(at)).map((index) => items[index]?.id ?? '');
  const shown = cycle.length > 8 ? [...cycle.slice(0, 4), `… ${cycle.length - 6} more …`, ...cycle.slice(-2)] : cycle;
  return {
    path: `items[${at}].depends_on`,
    message: `a cycle: ${[...shown, cycle[0]].join(' -> ')}`,
  };
}
