import { AppError } from '../contracts/errors.ts';
import type { SessionSpec } from '../contracts/session-wire.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import type { OpenableSpec, OpenedSource } from '../session/session-desk.ts';
import type { OwnLog } from './log-reading.ts';
import { openCopyIn, openCopyOut } from './sources-copy.ts';
import { openOwnLog, openWorkspaceLog } from './sources-log.ts';
import { openAttach, openExec } from './sources-program.ts';
import { openProxy } from './sources-proxy.ts';
import type { WorkspacesSeen } from './workspace-container.ts';

/** What sessions are opened with. */
export interface SourcePlace {
  readonly sessions: HostSessions;
  /** Undefined where the agent's own log is not kept. */
  readonly ownLog: OwnLog | undefined;
  /** As it is now; with an age, as it was not longer ago than that. */
  readonly look: (signal: AbortSignal, maxAgeMs?: number) => Promise<WorkspacesSeen>;
}

export type OpenSpec<Kind extends SessionSpec['kind']> = Extract<SessionSpec, { readonly kind: Kind }>;
type Logs = OpenSpec<'logs'>;
type LogOf = Logs['source']['of'];
export type LogSpec<Of extends LogOf> = Logs & { readonly source: Extract<Logs['source'], { readonly of: Of }> };

/** What a session is a session with. Raises why there is none. */
export async function openSource(spec: OpenableSpec, place: SourcePlace, signal: AbortSignal): Promise<OpenedSource> {
  switch (spec.kind) {
    case 'exec':
      return await openExec(spec, place, signal);
    case 'attach':
      return await openAttach(spec, place, signal);
    case 'logs':
      return await openLog(spec, place, signal);
    case 'proxy':
      return await openProxy(spec, place, signal);
    case 'copy-out':
      return await openCopyOut(spec, place, signal);
    case 'copy-in':
      return await openCopyIn(spec, place, signal);
  }
}

async function openLog(spec: Logs, place: SourcePlace, signal: AbortSignal): Promise<OpenedSource> {
  const { source } = spec;
  if (source.of === 'workspace') return await openWorkspaceLog({ ...spec, source }, place, signal);
  if (source.of === 'agent' && place.ownLog !== undefined) return openOwnLog(spec, place.ownLog);
  throw new AppError('invalid-input', `Cannot open a log: this agent has none of a ${source.of}`);
}
