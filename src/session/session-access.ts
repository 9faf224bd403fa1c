import { type Role, roles } from '../contracts/fleet.ts';
import type { SessionSpec } from '../contracts/session-wire.ts';

const neededRoles: Readonly<Record<SessionSpec['kind'], Role>> = {
  logs: 'viewer',
  // What is joined decides.
  join: 'viewer',
  exec: 'operator',
  attach: 'operator',
  proxy: 'operator',
  'copy-out': 'operator',
  'copy-in': 'operator',
};

/** Whether a role is enough for sessions of a kind. Asked of one's own sessions too: the role may have been lowered since. */
export function mayUse(kind: SessionSpec['kind'], role: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(neededRoles[kind]);
}
