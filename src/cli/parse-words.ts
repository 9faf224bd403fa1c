import { parseArgs } from 'node:util';
import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import type { CommandSpec, OptionSpecs, Words } from './command.ts';

/** Checks what was typed after the command's name against its spec; undefined asks for the help. */
export function parseWords(name: string, spec: CommandSpec, typed: readonly string[]): Words<OptionSpecs> | undefined {
  const { own, rest } = splitRest(spec, typed);
  const { tokens, values, positionals } = tokensOf(spec, own);
  if (values['help'] === true) return undefined;
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    checkOption(name, spec, token);
    checkRepetition(name, spec, token, given);
  }
  const operands = [...positionals, ...rest];
  checkOperands(name, spec, operands);
  // Each value was just checked to be of the type its spec says.
  return { operands, options: values as Words<OptionSpecs>['options'] };
}

function tokensOf(spec: CommandSpec, typed: readonly string[]) {
  const options = { ...spec.options, help: { type: 'boolean', short: 'h' } } as const;
  return parseArgs({ args: [...typed], options, strict: false, allowPositionals: true, tokens: true });
}

/** What is the command's own, and the words after it that are operands whatever they look like. */
function splitRest(spec: CommandSpec, typed: readonly string[]) {
  const count = spec.restBegins;
  if (count === undefined) return { own: typed, rest: [] };
  const operands = tokensOf(spec, typed).tokens.filter(({ kind }) => kind === 'positional');
  const last = operands[count - 1];
  if (last === undefined) return { own: typed, rest: [] };
  const rest = typed.slice(last.index + 1);
  return { own: typed.slice(0, last.index + 1), rest: rest[0] === '--' ? rest.slice(1) : rest };
}

type Token = Extract<NonNullable<ReturnType<typeof parseArgs>['tokens']>[number], { kind: 'option' }>;

function checkOption(name: string, spec: CommandSpec, token: Token): void {
  const { rawName: typed, value } = token;
  const option = Object.hasOwn(spec.options, token.name) ? spec.options[token.name] : undefined;
  if (option === undefined) {
    const known = [...Object.keys(spec.options), 'help'].map((each) => `--${each}`);
    throw usageError(name, `unknown option "${typed}"${suggestion(typed, known)}`);
  }
  const isMissing = value === undefined || (!token.inlineValue && isOptionOf(spec, value));
  if (option.type === 'string' && isMissing) {
    throw usageError(name, `option "${typed}" needs a value, as in ${typed} ${option.value ?? '<value>'}`);
  }
  if (option.type === 'boolean' && value !== undefined) throw usageError(name, `option "${typed}" takes no value`);
}

/** Whether a word is one of the command's own options, and so hardly the value of another one. */
function isOptionOf(spec: CommandSpec, word: string): boolean {
  const [typed = ''] = word.split('=');
  const isShort = Object.values(spec.options).some(
    (option) => option.short !== undefined && `-${option.short}` === typed,
  );
  return isShort || (typed.startsWith('--') && Object.hasOwn(spec.options, typed.slice(2)));
}

function checkRepetition(name: string, spec: CommandSpec, token: Token, given: Set<string>): void {
  const option = spec.options[token.name];
  const isAgain = option?.type === 'string' && option.multiple !== true && given.has(token.name);
  if (isAgain) throw usageError(name, `option "${token.rawName}" is given twice`);
  given.add(token.name);
}

function checkOperands(name: string, spec: CommandSpec, operands: readonly string[]): void {
  const isRest = (operand: string) => operand.includes('...');
  const missing = spec.operands.filter((operand) => operand.startsWith('<'))[operands.length];
  if (missing !== undefined) throw usageError(name, `${missing} is missing`);
  const extra = spec.operands.some(isRest) ? undefined : operands[spec.operands.length];
  if (extra !== undefined) throw usageError(name, `"${extra}" is one word too many`);
}

function usageError(name: string, problem: string): AppError {
  return new AppError('usage', `Cannot run "agora ${name}": ${problem}`, {
    next: `agora ${name} --help`,
  });
}
