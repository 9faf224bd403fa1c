import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import { type Role, roles } from '../contracts/fleet.ts';

export function roleOf(typed: string): Role {
  const role = roles.find((each) => each === typed);
  if (role !== undefined) return role;
  throw new AppError(
    'usage',
    `Cannot use role "${typed}": the roles are ${roles.join(', ')}${suggestion(typed, roles)}`,
  );
}
