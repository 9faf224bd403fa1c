import { AppError } from '../contracts/errors.ts';

export interface ProxiedPort {
  /** Of the workspace. */
  readonly port: number;
  /** Of this machine; 0 for one that is free. */
  readonly local: number;
}

/** `PORT` or `PORT:LOCAL`. */
export function portWord(typed: string): ProxiedPort {
  const [, first = '', second = first] = /^([0-9]{1,5})(?::([0-9]{1,5}))?$/.exec(typed) ?? [];
  const [port, local] = [Number(first), Number(second)];
  if (first !== '' && port >= 1 && port <= 65_535 && local <= 65_535) return { port, local };
  throw new AppError('usage', `Cannot use port "${typed}": it is not PORT or PORT:LOCAL, each up to 65535`);
}
