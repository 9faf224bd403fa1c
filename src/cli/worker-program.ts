import { imageKinds } from '../compute/image-kind.ts';
import { AppError } from '../contracts/errors.ts';
import { type RuntimeName, runtimeNames } from '../contracts/subagent.ts';

const programs = runtimeNames.filter((name) => imageKinds[name].program !== '');

/** What `--with` takes, for a person. */
export const programNames = programs.join(', ');

/** The runtime that a worker image is wanted for, by what `--with` says. */
export function runtimeOf(program: string | undefined): RuntimeName {
  if (program === undefined) return 'command';
  const runtime = programs.find((name) => name === program);
  if (runtime !== undefined) return runtime;
  throw new AppError('usage', `Cannot build in "${program}": only ${programNames} is known`);
}
