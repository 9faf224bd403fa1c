import { suggestion } from '../base/suggest.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { defaultExecutorName, limits } from '../contracts/names.ts';
import type { PlanItem } from '../contracts/plan.ts';
import { renderCommand } from '../registry/template.ts';

/** A plan as far as its schema could read it: what could not be read is undefined. */
export interface PlanSketch {
  readonly queue: string | undefined;
  readonly items: readonly (PlanItem | undefined)[];
  /** Ids as written, also of items that are wrong otherwise. */
  readonly ids: readonly (string | undefined)[];
}

/** What the schema cannot say: references, names, cycles. At most `limits.planProblems` are returned. */
export function checkPlan(plan: PlanSketch, declarations: Declarations): Problem[] {
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
    if (item.executor === defaultExecutorName) checkDispatchInputs(problems, path, item, declarations);
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
  if (known.includes(name)) return;
  const hint = suggestion(name, known);
  const list =
    known.length === 0
      ? `none is declared; add it to "${kind}s" of the config`
      : `declared: ${known.slice(0, 20).join(', ')}`;
  problems.push({ path, message: `unknown ${kind} "${name}"${hint}; ${list}` });
}

function checkDispatchInputs(problems: Problem[], path: string, item: PlanItem, declarations: Declarations): void {
  for (const key of Object.keys(item.inputs)) {
    if (key === 'subagent' || key === 'workerInput') continue;
    problems.push({
      path: `${path}.inputs.${key}`,
      message: `unknown key${suggestion(key, ['subagent', 'workerInput'])}`,
    });
  }
  const name = item.inputs['subagent'];
  if (typeof name !== 'string') {
    problems.push({ path: `${path}.inputs.subagent`, message: 'must name a subagent' });
    return;
  }
  checkName(problems, `${path}.inputs.subagent`, 'subagent', name, Object.keys(declarations.subagents));
  const subagent = declarations.subagents[name];
  if (subagent === undefined) return;
  if (item.network === 'none' && subagent.network === 'internet') {
    const message = `"none" contradicts subagent "${name}", which declares that it needs "internet"`;
    problems.push({ path: `${path}.network`, message });
  }
  try {
    const tooLong = renderCommand(subagent.command ?? [], item.inputs['workerInput']).find(isTooLongForArgument);
    if (tooLong !== undefined) {
      const message = `makes an argument of ${Buffer.byteLength(tooLong)} bytes for subagent "${name}", the limit is ${argumentBytes}; let the command read the file at AGORA_INPUT instead`;
      problems.push({ path: `${path}.inputs.workerInput`, message });
    }
  } catch (error) {
    if (!isAppError(error)) throw error;
    problems.push({
      path: `${path}.inputs.workerInput`,
      message: `does not fill the command of subagent "${name}": ${error.message}`,
    });
  }
}

/** Linux takes no longer argument (MAX_ARG_STRLEN, with its end). */
const argumentBytes = 131_071;

function isTooLongForArgument(argument: string): boolean {
  return argument.length > argumentBytes / 4 && Buffer.byteLength(argument) > argumentBytes;
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
