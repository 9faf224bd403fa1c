import { sleep } from '../base/deadline.ts';
import { AppError, type ExitCode, exitCodes, isAppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { changeStages } from '../contracts/host-change.ts';
import type { HostStatus } from '../contracts/routes-hosts.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { problemLine, progressText } from './change-text.ts';
import type { CommandContext } from './command.ts';
import { oneLine } from './one-line.ts';
import { say } from './output.ts';
import { secondsOf } from './time-word.ts';
import { sayWrapped } from './wrap-line.ts';

export const waitOptions = {
  wait: { type: 'boolean', summary: 'Wait until all of it runs and is healthy' },
  timeout: { type: 'string', value: '<time>', summary: 'How long to wait at most: 45s, 10m (default: 10m)' },
} as const;

export interface WaitedChange {
  readonly hostId: HostId;
  readonly revision: number;
  readonly seconds: number;
}

const defaultSeconds = 600;
const pollMs = 250;
/** The same problem for so long, with nothing under way, is not waited out. */
const stuckMs = 15_000;
const lineLength = 2_000;

/** How long is waited, checked before anything is declared; undefined where nobody waits. */
export function waitSeconds({
  wait,
  timeout,
}: {
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}) {
  if (wait !== true && timeout !== undefined) throw new AppError('usage', 'Cannot use --timeout: it is for --wait');
  if (wait !== true) return undefined;
  return timeout === undefined ? defaultSeconds : secondsOf('timeout', timeout);
}

/** Says each stage as the host comes to it. Ends as `ok` when it is healthy, as `no` when a workspace of it failed or it does not get on. */
export async function waitUntilHealthy(
  client: ServerClient,
  { hostId, revision, seconds }: WaitedChange,
  { stderr }: Pick<CommandContext, 'stderr'>,
): Promise<ExitCode> {
  const deadline = Date.now() + seconds * 1_000;
  if (stderr.isTerminal) await say(stderr, 'agora: waiting; Ctrl-C ends the waiting, and the host goes on');
  let said = '';
  let saidAt = Date.now();
  let last: HostStatus | undefined;
  while (Date.now() < deadline) {
    const status = await statusIfReached(client, hostId);
    last = status ?? last;
    const news = status === undefined ? 'the server does not answer; it is asked again' : newsOf(status, revision);
    if (news !== said) {
      await sayWrapped(stderr, `agora: ${oneLine(news, lineLength)}`);
      [said, saidAt] = [news, Date.now()];
    }
    const end = status && endOf(status, revision, Date.now() - saidAt > stuckMs);
    if (end !== undefined) return end;
    await sleep(pollMs);
  }
  const name = last?.host.name ?? hostId;
  throw new AppError(
    'not-ready',
    `Cannot say that revision ${revision} runs on "${name}": it is not healthy after ${seconds} s`,
    {
      next: `It goes on without you: agora host status ${name}`,
    },
  );
}

/** A server that restarts is no reason to give up. */
async function statusIfReached(client: ServerClient, host: HostId): Promise<HostStatus | undefined> {
  try {
    return await client.call('getHost', { params: { host } });
  } catch (error) {
    if (isAppError(error, 'unreachable') || isAppError(error, 'not-ready')) return undefined;
    throw error;
  }
}

function endOf(status: HostStatus, revision: number, isStill: boolean): ExitCode | undefined {
  const { change, workspaces, steps } = status;
  if (change === undefined || change.revision > revision) {
    const newer = change?.revision ?? 'another one';
    throw new AppError('task-conflict', `Cannot wait for revision ${revision}: revision ${newer} took its place`);
  }
  if (isHealthy(status)) return exitCodes.ok;
  if (change.times.planned === undefined || change.problem === undefined) return undefined;
  const isUnderWay = steps.some(({ state }) => state === 'running' || state === 'waiting');
  const isStuck = isStill && !isUnderWay;
  return isStuck || workspaces.some(({ state }) => state === 'failed') ? exitCodes.no : undefined;
}

/** Now, too: a revision that was declared before may have been healthy once. */
function isHealthy({ host, change, workspaces }: HostStatus): boolean {
  if (change?.times.healthy === undefined || change.problem !== undefined) return false;
  return host.link.link === 'online' && workspaces.every(({ state }) => state === 'running' || state === 'stopped');
}

function newsOf({ host, change, problems }: HostStatus, revision: number): string {
  if (change === undefined) return `revision ${revision}`;
  const away = host.link.link !== 'online' ? [`waits for ${host.name}, which is ${host.link.link}`] : [];
  const wait = host.settings.enabled ? away : [`${host.name} is disabled: nothing is applied there`];
  const reached = changeStages.some((stage) => change.times[stage] !== undefined) ? [progressText(change)] : [];
  // Before it is planned what is told is still of the revision before.
  const ofThis = change.times.planned === undefined ? [] : problems.slice(0, 1).map(problemLine);
  const told = change.problem === undefined ? ofThis : [change.problem];
  return [`revision ${revision}`, ...reached, ...wait, ...told].join('; ');
}
