import { roles } from '../contracts/fleet.ts';
import type { Close, SessionSpec } from '../contracts/session-wire.ts';
import { deskRefusals } from '../session/desk-refusals.ts';
import { mayUse } from '../session/session-access.ts';
import type { WayToHost } from './agent-sockets.ts';
import type { UserCaller } from './handler.ts';
import type { StoredHost } from './host-store.ts';
import type { Viewing } from './live-sessions.ts';

export const notValid: Close = {
  code: 'refused',
  message: 'your token was revoked or has expired',
  next: 'Sign in again: agora login <url>',
};

/** Why a caller may not have a session; undefined where they may. */
export function callerProblem(kind: SessionSpec['kind'], caller: UserCaller | undefined): Close | undefined {
  if (caller === undefined) return notValid;
  return mayUse(kind, caller.user.role) ? undefined : deskRefusals.notAllowed(kind, caller.user.role);
}

/** Why a viewer may not view a session any more: by its kind, and by who opened it; undefined where they may. */
export function viewingProblem(
  { open, opened, caller: before }: Pick<Viewing, 'open' | 'opened' | 'caller'>,
  caller: UserCaller | undefined,
): Close | undefined {
  const { kind } = opened?.spec ?? open.session;
  const problem = callerProblem(kind, caller);
  if (caller === undefined || problem !== undefined) return problem;
  if (open.session.kind !== 'join' || opened?.user === caller.user.name) return undefined;
  const { role } = caller.user;
  // Where it is not known what was joined, the host judged by the role at that time: a lower one may not.
  const may = opened === undefined ? roles.indexOf(role) >= roles.indexOf(before.user.role) : role === 'admin';
  if (may) return undefined;
  const whose = opened === undefined ? 'somebody' : `"${opened.user}"`;
  return {
    code: 'refused',
    message: `Cannot view this session: ${whose} opened it, and your role is ${role} now`,
    next: 'Ask an admin for a role that may, then join it again.',
  };
}

export interface AskedOfHost {
  readonly spec: SessionSpec;
  /** Its viewer was there before and comes back. */
  readonly isBack: boolean;
  readonly host: Pick<StoredHost, 'name' | 'admission' | 'engine' | 'engineSince' | 'lastSeenAt'>;
  /** Whether the host gives signs of life, as its server knows. */
  readonly link: 'online' | 'offline' | 'unknown';
  readonly way: WayToHost;
}

/** Why a host cannot be asked for a session now; undefined where it can. */
export function hostProblem({ spec, isBack, host, link, way }: AskedOfHost): Close | undefined {
  const cannot = `Cannot open ${spec.kind} on host "${host.name}"`;
  if (host.admission !== 'admitted') {
    const isPending = host.admission === 'pending';
    return {
      code: 'refused',
      message: `${cannot}: it ${isPending ? 'waits for approval' : `is ${host.admission}`}`,
      next: isPending ? `An admin approves it: agora host approve ${host.name}` : 'See agora host ls',
    };
  }
  if (way === 'older') {
    const next = 'Upgrade agora on that host and start its agent again.';
    return { code: 'refused', message: `${cannot}: its agent is of an older release, without sessions`, next };
  }
  if (way === 'away') {
    const since = host.lastSeenAt === undefined ? '' : `, it was last seen ${host.lastSeenAt}`;
    const next = `See agora host ls; its agent comes back by itself.`;
    // A viewer who comes back goes on waiting; for a host that has long been offline nobody new waits.
    const code = link === 'offline' && !isBack ? 'unreachable' : 'host-away';
    return { code, message: `${cannot}: its agent has no link to the server for now${since}`, next };
  }
  if (host.engine === 'down' && !isBack && needsEngine(spec)) {
    const since = host.engineSince === undefined ? '' : ` since ${host.engineSince}`;
    const next = `See agora host ls, then start the engine there.`;
    return { code: 'unreachable', message: `${cannot}: its engine is down${since}`, next };
  }
  return undefined;
}

function needsEngine(spec: SessionSpec): boolean {
  return spec.kind !== 'join' && (spec.kind !== 'logs' || spec.source.of === 'workspace');
}
