import { AppError } from '../contracts/errors.ts';
import { sizeSchema } from '../contracts/host-spec.ts';
import { sizeInBytes } from '../contracts/host-units.ts';

/** Bytes of `500m`, `20g` or a number of them. */
export function bytesOf(option: string, typed: string): number {
  const found = sizeSchema.safeParse(typed).success ? sizeInBytes(typed) : 0;
  if (found > 0) return found;
  throw new AppError('usage', `Cannot use --${option} "${typed}": it is not a size such as 500m or 20g`);
}
