import { schemaWords } from '../base/schema-words.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { dispatchInputsSchema } from '../contracts/dispatch-inputs.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Problem } from '../contracts/mailbox.ts';
import type { PlanItem } from '../contracts/plan.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { effectiveNetwork } from '../dispatch/effective.ts';
import { findCredentials } from '../registry/credential-scan.ts';
import { schemaProblems } from '../registry/schema-problems.ts';
import { renderCommand, renderText } from '../registry/template.ts';
import { declaredOf, keyOf, type NamedKind, type PlanNames, pinKeys } from './plan-names.ts';
import { unknownName } from './unknown-name.ts';

export interface Known {
  readonly declarations: Declarations;
  /** Undefined: only what the config declares counts. */
  readonly names: PlanNames | undefined;
}

/** Everything wrong with the inputs of an item of the executor `dispatch`; `path` is the item's. */
export function checkDispatch(path: string, item: PlanItem, known: Known): Problem[] {
  const inputs = `${path}.inputs`;
  const parsed = dispatchInputsSchema.safeParse(item.inputs, { error: schemaWords });
  const problems: Problem[] = parsed.success
    ? []
    : schemaProblems(parsed.error, knownKeys).map(({ path: at, message }) => ({
        path: below(inputs, at),
        message: at === 'secrets' ? `${message}: ${secretsBelong}` : message,
      }));
  problems.push(...checkNames(inputs, item, known), ...checkCredentials(path, item));
  const pin = item.inputs['subagent'];
  const subagent = typeof pin === 'string' ? subagentOf(pin, known) : undefined;
  if (subagent === undefined) return problems;
  problems.push(...checkBrought(`${inputs}.subagent`, subagent, known));
  problems.push(...checkNetwork(`${path}.network`, item, subagent));
  problems.push(...checkTemplates(`${inputs}.workerInput`, item.inputs['workerInput'], subagent));
  if (parsed.success && parsed.data.model !== undefined && subagent.runtime === 'command') {
    problems.push({ path: `${inputs}.model`, message: `does not apply: subagent "${subagent.name}" is a command` });
  }
  return problems;
}

const secretsBelong = 'a plan is recorded in clear; give them as secrets of an env or of the executor';

const knownKeys = Object.keys(dispatchInputsSchema.shape);

function below(path: string, rest: string): string {
  if (rest === '') return path;
  return rest.startsWith('[') ? `${path}${rest}` : `${path}.${rest}`;
}

function subagentOf(pin: string, { declarations, names }: Known): Subagent | undefined {
  return declaredOf(declarations, pin) ?? names?.subagents.get(pin);
}

function checkNames(inputs: string, item: PlanItem, known: Known): Problem[] {
  return pinKeys.flatMap(([key, kind]) => {
    const value = item.inputs[key];
    const pins = Array.isArray(value)
      ? value.map((pin, index) => [pin, `[${index}]`] as const)
      : [[value, ''] as const];
    return pins.flatMap(([pin, at]) => {
      const message = typeof pin === 'string' ? missing(kind, pin, known) : undefined;
      return message === undefined ? [] : [{ path: `${inputs}.${key}${at}`, message }];
    });
  });
}

function missing(kind: NamedKind, pin: string, { declarations, names }: Known): string | undefined {
  if (names !== undefined) return names.problems.get(keyOf(kind, pin));
  if (kind !== 'subagent' || declaredOf(declarations, pin) !== undefined) return undefined;
  return unknownName(kind, pin, { declared: Object.keys(declarations.subagents) });
}

/** What a subagent brings must be there as well. */
function checkBrought(path: string, subagent: Subagent, known: Known): Problem[] {
  const pins = [
    ...(subagent.capabilities ?? []).map((pin) => ['capability', pin] as const),
    ...(subagent.pipeline === undefined ? [] : [['pipeline', subagent.pipeline] as const]),
  ];
  return pins.flatMap(([kind, pin]) => {
    const message = missing(kind, pin, known);
    return message === undefined ? [] : [{ path, message: `"${subagent.name}" relies on an ${message}` }];
  });
}

function checkNetwork(path: string, item: PlanItem, subagent: Subagent): Problem[] {
  try {
    effectiveNetwork(item, subagent);
    return [];
  } catch (error) {
    if (!isAppError(error)) throw error;
    return [
      { path, message: `"none" contradicts subagent "${subagent.name}": ${error.message.replace(/^.*?: /, '')}` },
    ];
  }
}

function checkCredentials(path: string, item: PlanItem): Problem[] {
  const looked = [
    [`${path}.inputs.workerInput`, item.inputs['workerInput']],
    [`${path}.env`, item.env],
  ] as const;
  return looked.flatMap(([at, value]) =>
    findCredentials(value).map(({ kind, place }) => ({
      path: place.startsWith('a key of') ? at : below(at, place),
      message: `looks like ${kind}; a plan is recorded in clear: give it as a secret of an env or of the executor`,
    })),
  );
}

function checkTemplates(path: string, input: unknown, subagent: Subagent): Problem[] {
  try {
    if (subagent.promptTemplate !== undefined) renderText(subagent.promptTemplate, input, 'promptTemplate');
    const tooLong = renderCommand(subagent.command ?? [], input).find(isTooLongForArgument);
    if (tooLong === undefined) return [];
    const bytes = Buffer.byteLength(tooLong);
    const message = `makes an argument of ${bytes} bytes for subagent "${subagent.name}", the limit is ${argumentBytes}; let the command read the file at AGORA_INPUT instead`;
    return [{ path, message }];
  } catch (error) {
    if (!isAppError(error)) throw error;
    const what = subagent.runtime === 'command' ? 'command' : 'prompt';
    return [{ path, message: `does not fill the ${what} of subagent "${subagent.name}": ${error.message}` }];
  }
}

/** Linux takes no longer argument (MAX_ARG_STRLEN, with its end). */
const argumentBytes = 131_071;

function isTooLongForArgument(argument: string): boolean {
  return argument.length > argumentBytes / 4 && Buffer.byteLength(argument) > argumentBytes;
}
