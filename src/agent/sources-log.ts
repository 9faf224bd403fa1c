import { withDeadline } from '../base/deadline.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import type { OwnLog } from './log-reading.ts';
import type { LogSpec, OpenSpec, SourcePlace } from './session-sources.ts';
import { asOutput, readOnlySource } from './source-parts.ts';
import { existingContainerOf } from './workspace-container.ts';

const lookMs = 15_000;

export async function openWorkspaceLog(
  { source, follow, since, tail, timestamps }: LogSpec<'workspace'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const seen = await place.look(withDeadline(lookMs, signal));
  const container = existingContainerOf(seen, source.name);
  const ending = new AbortController();
  const request = { follow, since, tail, timestamps, signal: ending.signal };
  return {
    source: readOnlySource(place.sessions.readLog(container.id, request), ending),
    isTerminal: false,
    readsOn: false,
  };
}

export function openOwnLog({ follow, since, tail, timestamps }: OpenSpec<'logs'>, log: OwnLog): OpenedSource {
  const ending = new AbortController();
  const lines = log.read({ follow, since, tail, timestamps, signal: ending.signal });
  return { source: readOnlySource(asOutput(lines), ending), isTerminal: false, readsOn: false };
}
