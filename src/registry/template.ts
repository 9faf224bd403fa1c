import mustache from 'mustache';
import { AppError } from '../contracts/errors.ts';

type Token = readonly [kind: string, name: string, start: number, end: number, ...rest: unknown[]];

const tags: [string, string] = ['{{', '}}'];
const asIs = { escape: (value: unknown) => text(value), tags };

/**
 * Fills in each element of a command as a Mustache template over `workerInput`. Nothing is escaped: elements go to the
 * program one by one, through no shell. A variable the input does not hold raises `invalid-input` naming the element.
 */
export function renderCommand(command: readonly string[], workerInput: unknown): string[] {
  return command.map((element, index) => renderText(element, workerInput, `command[${index}]`));
}

/** The same for one text; `place` names it in errors. */
export function renderText(template: string, workerInput: unknown, place: string): string {
  checkVariables(parse(template, place), workerInput, place);
  return mustache.render(template, workerInput ?? {}, {}, asIs);
}

/** Why a text is no template, or undefined; whether an input fills it is not asked. */
export function templateProblem(template: string): string | undefined {
  try {
    const partial = (mustache.parse(template, tags) as readonly Token[]).find(([kind]) => kind === '>');
    return partial === undefined ? undefined : `is no template: partials such as "${partial[1]}" are not known`;
  } catch (error) {
    return `is no template: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function parse(element: string, place: string): readonly Token[] {
  try {
    return mustache.parse(element, tags) as readonly Token[];
  } catch (cause) {
    throw new AppError('invalid-input', `Cannot read the template ${place} "${shortened(element)}": it is malformed`, {
      cause,
    });
  }
}

// Only what is outside of sections: inside one, a name may belong to an element that is looked up while rendering.
function checkVariables(tokens: readonly Token[], workerInput: unknown, place: string): void {
  for (const [kind, name] of tokens) {
    if (kind === '>')
      throw new AppError('invalid-input', `Cannot fill in ${place}: partials such as "${name}" are not known`);
    const isVariable = kind === 'name' || kind === '&' || kind === '{';
    if (isVariable && !holds(workerInput, name)) {
      throw new AppError('invalid-input', `Cannot fill in ${place}: workerInput holds no "${name}"`);
    }
  }
}

// Own members only: what every object inherits is no input.
function holds(workerInput: unknown, name: string): boolean {
  let value = workerInput;
  for (const part of name === '.' ? [] : name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return false;
    value = Reflect.get(value, part);
  }
  return value !== undefined;
}

function text(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function shortened(template: string): string {
  return template.length > 200 ? `${template.slice(0, 200)}…` : template;
}
