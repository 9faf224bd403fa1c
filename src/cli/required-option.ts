import { AppError } from '../contracts/errors.ts';

/** The value of an option the command cannot do without. */
export function requiredOption(command: string, name: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  const state = value === undefined ? 'is missing' : 'is empty';
  throw new AppError('usage', `Cannot run "agora ${command}": option "--${name}" ${state}`, {
    next: `agora ${command} --help`,
  });
}
