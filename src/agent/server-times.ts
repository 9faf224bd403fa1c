import type { ClockOffset } from './clock-offset.ts';
import type { Told } from './reports.ts';

/** What is told with its times on the server's clock. Those of its stages are already. */
export function withServerTimes(
  { observation, workspaces, steps, ...told }: Told,
  clock: Pick<ClockOffset, 'corrected'>,
): Told {
  const corrected = (at: string) => clock.corrected(Date.parse(at));
  return {
    ...told,
    ...(observation && { observation: { ...observation, observedAt: corrected(observation.observedAt) } }),
    ...(workspaces && {
      workspaces: workspaces.map(({ since, ...workspace }) => ({
        ...workspace,
        ...(since && { since: corrected(since) }),
      })),
    }),
    ...(steps && {
      steps: steps.map(({ startedAt, endedAt, ...step }) => ({
        ...step,
        ...(startedAt && { startedAt: corrected(startedAt) }),
        ...(endedAt && { endedAt: corrected(endedAt) }),
      })),
    }),
  };
}
