import { constants } from 'node:os';
import { AppError } from '../contracts/errors.ts';

/** The signal of this name; an engine is not asked about names that mean nothing. */
export function signalNamed(name: string): NodeJS.Signals {
  if (isSignal(name)) return name;
  throw new AppError('invalid-input', `Cannot send "${name}": there is no signal of this name`, {
    next: 'Name one of `kill -l`, such as SIGINT, SIGTERM, SIGHUP or SIGKILL.',
  });
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}
