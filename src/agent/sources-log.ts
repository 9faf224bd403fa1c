import type { OpenedSource } from '../session/session-desk.ts';
import type { Source } from '../session/source.ts';
import { FollowedLog } from './followed-log.ts';
import type { OwnLog } from './log-reading.ts';
import type { LogSpec, OpenSpec, SourcePlace } from './session-sources.ts';
import { asOutput, readOnlySource } from './source-parts.ts';
import { existingContainerOf } from './workspace-container.ts';

/** Also of a container that ended. One that is followed goes on with the container that comes after it. */
export async function openWorkspaceLog(
  spec: LogSpec<'workspace'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { name: workspace } = spec.source;
  const container = existingContainerOf(await place.look(signal), workspace);
  const ending = new AbortController();
  const log = new FollowedLog({ ...spec, workspace, place, signal: ending.signal });
  const source: Source = {
    ...readOnlySource(log.read(container), ending),
    onNotice: (tell) => {
      log.onNotice = tell;
    },
  };
  return { source, isTerminal: false, readsOn: false };
}

export function openOwnLog({ follow, since, tail, timestamps }: OpenSpec<'logs'>, log: OwnLog): OpenedSource {
  const ending = new AbortController();
  const lines = log.read({ follow, since, tail, timestamps, signal: ending.signal });
  return { source: readOnlySource(asOutput(lines), ending), isTerminal: false, readsOn: false };
}
