import { canonicalize } from '../../base/canonical-json.ts';
import { digestOf } from '../../base/hash.ts';
import { parseStrictJson, StrictJsonError } from '../../base/strict-json.ts';
import { Refusal } from './refusal.ts';

/** What a replay needs to know of an item. */
export interface PlannedItem {
  readonly id: string;
  /** Items that must have ended before it starts. */
  readonly dependencies: readonly string[];
  /** True when it starts also after a dependency that did not end well. */
  readonly runsAfterFailure: boolean;
}

export interface PlannedRun {
  readonly runId: string;
  readonly digest: string;
  readonly items: readonly PlannedItem[];
}

const limits = { maxBytes: 256 * 1024 * 1024, maxDepth: 64, maxStringBytes: 16 * 1024 * 1024 } as const;

/** Reads a plan from its JCS text. Members a replay does not need are covered by the digest and not looked at. */
export function readPlan(text: string): PlannedRun {
  const plan = membersOf(parsePlan(text), '');
  if (canonicalize(plan) !== text) throw new Refusal('plan', 'is not in its canonical form');
  if (!Array.isArray(plan['items']) || plan['items'].length === 0) throw new Refusal('plan', 'has no items');
  return {
    runId: textOf(plan['id'], 'id'),
    digest: digestOf(text),
    items: plan['items'].map((item, index) => readItem(membersOf(item, `items[${index}]`), `items[${index}]`)),
  };
}

function parsePlan(text: string): unknown {
  try {
    return parseStrictJson(text, { ...limits, numbers: 'double', canonicalStrings: true });
  } catch (error) {
    if (error instanceof StrictJsonError) throw new Refusal('plan', `${error.path} ${error.message}`.trim());
    throw error;
  }
}

function readItem(item: Readonly<Record<string, unknown>>, path: string): PlannedItem {
  const dependencies = listOf(item['depends_on'], `${path}.depends_on`).map((id) => textOf(id, `${path}.depends_on`));
  const needs = Object.entries(membersOf(item['needs'] ?? {}, `${path}.needs`));
  const sources = needs.map(([key, need]) => textOf(membersOf(need, `${path}.needs.${key}`)['from'], `${path}.needs`));
  return {
    id: textOf(item['id'], `${path}.id`),
    dependencies: [...new Set([...dependencies, ...sources])],
    runsAfterFailure: item['onFailure'] === 'run',
  };
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Refusal('plan', `${path} must be an array`);
  return value;
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new Refusal('plan', `${path} must be a string`);
  return value;
}

function membersOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('plan', `${path} must be an object`.trim());
  }
  return value as Readonly<Record<string, unknown>>;
}
