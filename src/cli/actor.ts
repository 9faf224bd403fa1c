import { userInfo } from 'node:os';
import { environmentNames } from '../contracts/names.ts';

export const actorOption = {
  type: 'string',
  value: '<name>',
  summary: 'Who asks, for the audit record (default: $AGORA_ACTOR, else human:<user>)',
} as const;

/** Who asks, as recorded. It is asserted, not proved. */
export function actorName(named: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return named || env[environmentNames.actor] || `human:${userName()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container user without a passwd entry has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
