import { parseArgs } from 'node:util';
import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import type { CommandSpec, OptionSpecs, Words } from './command.ts';

/** Checks what was typed after the command's name against its spec; undefined asks for the help. */
export function parseWords(name: string, spec: CommandSpec, typed: readonly string[]): Words<OptionSpecs> | undefined {
  const options = { ...spec.options, help: { type: 'boolean', short: 'h' } } as const;
  const { tokens, values, positionals } = parseArgs({
    args: [...typed],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  if (values['help'] === true) return undefined;
  for (const token of tokens) {
    if (token.kind === 'option') checkOption(name, spec, token);
  }
  checkOperands(name, spec, positionals);
  // Each value was just checked to be of the type its spec says.
  return { operands: positionals, options: values as Words<OptionSpecs>['options'] };
}

type Token = Extract<NonNullable<ReturnType<typeof parseArgs>['tokens']>[number], { kind: 'option' }>;

function checkOption(name: string, spec: CommandSpec, token: Token): void {
  const { rawName: typed, value } = token;
  const option = spec.options[token.name];
  if (option === undefined) {
    const known = [...Object.keys(spec.options), 'help'].map((each) => `--${each}`);
    throw usageError(name, `unknown option "${typed}"${suggestion(typed, known)}`);
  }
  if (option.type === 'string' && value === undefined) throw usageError(name, `option "${typed}" needs a value`);
  if (option.type === 'boolean' && value !== undefined) throw usageError(name, `option "${typed}" takes no value`);
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
