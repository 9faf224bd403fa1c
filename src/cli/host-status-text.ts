import type { Host } from '../contracts/fleet.ts';
import { type PlanProblem, type StepReport, type WorkspaceStatus, workspaceStates } from '../contracts/host-change.ts';
import type { HostStatus } from '../contracts/routes-hosts.ts';
import { problemLine, progressText } from './change-text.ts';
import { admissionHint, agentText, agoText, engineText, linkText, sinceText } from './host-text.ts';

/** How a host is, for a person: a line for each fact. */
export function statusLines(status: HostStatus, now: number): string[] {
  const { host, change, steps, workspaces, problems, observedAt } = status;
  const hint = admissionHint(host);
  const isMended = problems.length === 0 && workspaces.every(({ state }) => state === 'running' || state === 'stopped');
  // What failed before another step put it right is over.
  const undone = steps.filter(
    ({ state }) => state === 'waiting' || state === 'running' || !(isMended || state === 'done'),
  );
  const isDisabled = !host.settings.enabled;
  // Of a host that is away nothing is known since.
  const known = host.link.link === 'online' || observedAt === undefined ? now : Math.min(now, Date.parse(observedAt));
  return [
    `${host.name}: ${host.admission}; link ${linkText(host)}; agent ${agentText(host, now)}; engine ${engineText(host)}`,
    ...(hint === undefined ? [] : [`next: ${hint}`]),
    ...(isDisabled ? [`disabled: nothing is applied; next: agora host set ${host.name} enabled=true`] : []),
    ...(change === undefined
      ? [`nothing is declared yet; next: agora host apply ${host.name} -f <file>`]
      : changeLines(change, problems)),
    ...(observedAt === undefined ? [] : [reportLine(host, agoText(observedAt, now))]),
    ...countLines(workspaces),
    ...workspaces.toSorted(byTrouble).map((workspace) => workspaceLine(workspace, known)),
    ...undone.map((step) => stepReportLine(step, problems)),
    ...problems.map((problem) => `problem ${problemLine(problem)}`),
  ];
}

function changeLines(change: NonNullable<HostStatus['change']>, problems: readonly PlanProblem[]): string[] {
  const message = change.message === '' ? '' : ` "${change.message}"`;
  const isToldBelow = problems.some((problem) => change.problem === `${problem.name}: ${problem.message}`);
  return [
    `revision ${change.revision} by ${change.actor}${message}: ${progressText(change)}`,
    ...(change.problem === undefined || isToldBelow ? [] : [`it does not get on: ${change.problem}`]),
  ];
}

/** A host that nobody hears of may have moved on. */
function reportLine({ link }: Host, ago: string): string {
  return link.link === 'online' ? `last report: ${ago}` : `last report: ${ago}; what follows is as it was then`;
}

function countLines(workspaces: readonly WorkspaceStatus[]): string[] {
  if (workspaces.length < 2) return [];
  const counts = workspaceStates.flatMap((state) => {
    const { length } = workspaces.filter((workspace) => workspace.state === state);
    return length === 0 ? [] : [`${length} ${state}`];
  });
  return [`${workspaces.length} workspaces: ${counts.join(', ')}`];
}

/** What needs a look comes last, where a person who scrolled is. */
function byTrouble(one: WorkspaceStatus, other: WorkspaceStatus): number {
  return Number(one.state !== 'running') - Number(other.state !== 'running');
}

function workspaceLine({ name, state, reason, image, restarts, since }: WorkspaceStatus, now: number): string {
  const notes = [
    image,
    since === undefined ? undefined : `for ${sinceText(since, now)}`,
    restarts > 0 ? `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : undefined,
    reason,
  ];
  return [`workspace ${name}: ${state}`, ...notes.filter((note) => note !== undefined)].join('; ');
}

function stepReportLine({ kind, name, reason, state, message }: StepReport, problems: readonly PlanProblem[]): string {
  const isToldBelow = problems.some((problem) => message !== undefined && problem.message.startsWith(message));
  return `step ${kind} ${name}: ${state}; ${reason}${message === undefined || isToldBelow ? '' : `; ${message}`}`;
}
