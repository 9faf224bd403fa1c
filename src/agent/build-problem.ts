import { Redactor } from '../base/redact.ts';
import type { Build } from '../contracts/builds.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { BuildLog } from './build-log.ts';

/** Which step failed, and what its command printed last, say more than how it ended. */
export function withStep(
  error: unknown,
  { log, build: { step } }: { readonly log: BuildLog; readonly build: Pick<Build, 'step'> },
): unknown {
  log.end();
  const { current } = log;
  if (!isAppError(error) || step === undefined || current === undefined) return error;
  // Of a command engines say it themselves.
  const isSaid = error.message.includes(current.instruction.replace(/^\S+\s+/, ''));
  const where = `in step ${step.number} of ${step.of}${isSaid ? '' : `, ${current.instruction.slice(0, 100)}`}`;
  const lines = current.lastLines.map((line) => `"${line.trim().slice(0, 200)}"`).join(', ');
  const printed = lines === '' ? '' : `; the last that it printed: ${lines}`;
  const { code, message, next } = error;
  const whole = `${message} ${where}${printed}`;
  return new AppError(code, whole, { cause: error, ...(next !== undefined && { next }) });
}

/** Engines repeat the command that failed, and what it was given. */
export function withoutSecrets(error: unknown, secrets: Readonly<Record<string, string>>): unknown {
  const redactor = new Redactor(secrets);
  if (!isAppError(error) || !redactor.holds(error.message)) return error;
  return new AppError(error.code, redactor.text(error.message), error.next === undefined ? {} : { next: error.next });
}
