import type { AlertRule, AlertRuleName } from '../contracts/alerts.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { WorkspaceStatus } from '../contracts/host-change.ts';
import { fullnessOf, type MetricsSample } from '../contracts/metrics.ts';

/** What is known of a host, to judge by. */
export interface HostFactsNow {
  readonly hostId: HostId;
  readonly name: string;
  readonly heartbeatMs: number;
  readonly lastSeenAt: number | undefined;
  readonly engine: 'up' | 'down' | 'unknown';
  /** Undefined where it has not told lately. */
  readonly sample: MetricsSample | undefined;
  /** What it last reported: it stays true while nothing else is reported. */
  readonly workspaces: readonly WorkspaceStatus[];
  readonly problems: readonly { readonly name: string; readonly message: string }[];
}

/** One thing that one rule speaks of. */
export interface Watched {
  readonly rule: AlertRuleName;
  readonly hostId: HostId;
  /** Empty for the host as a whole. */
  readonly subject: string;
}

/** It is so. */
export interface Condition extends Watched {
  readonly message: string;
}

export interface Moment {
  readonly now: number;
  /** Since when every sign of life would have been noticed: the server ran, and its clock went on as clocks do. */
  readonly listeningSince: number;
}

/** A little before `host ls` says offline, so that a notice is out within three heartbeats. */
const silentHeartbeats = 2.5;
/** Of hosts that beat very often: a connection may be slow for so long. */
const leastSilentMs = 10_000;
const firstHeartbeats = 3;
/** A host may be heard of while it is judged. */
const aheadMs = 5_000;

/**
 * What is so of a host. One that is silent is judged by nothing else, and while the server has not listened for long nothing is judged
 * that it has not heard of since. Most hosts are well, and of those nothing is made: all of them are looked at every few seconds.
 */
export function conditionsOf(
  host: HostFactsNow,
  rules: ReadonlyMap<AlertRuleName, AlertRule>,
  moment: Moment,
): Condition[] {
  const { hostId } = host;
  const isSilent = silence(host, moment);
  if (isSilent === true) return [{ rule: 'host-offline', hostId, subject: '', message: offlineMessage(host, moment) }];
  const conditions: Condition[] = [];
  if (isSilent === undefined) return conditions;
  for (const rule of judgedRules) {
    for (const found of judges[rule](host, rules.get(rule)?.threshold ?? 0))
      conditions.push({ rule, hostId, ...found });
  }
  return conditions;
}

/** Whether a host tells enough to say that what is not told of by a rule is over: not known is never "over". */
export function isKnown(rule: AlertRuleName, host: HostFactsNow, moment: Moment): boolean {
  const isSilent = silence(host, moment);
  if (rule === 'host-offline') return isSilent !== undefined;
  if (isSilent !== false) return false;
  if (rule === 'engine-down') return host.engine !== 'unknown';
  if (rule === 'disk-full') return host.sample?.host !== undefined;
  return rule === 'gpu-hot' ? host.sample?.gpus !== undefined : true;
}

function silence(host: HostFactsNow, { now, listeningSince }: Moment): boolean | undefined {
  const { lastSeenAt, heartbeatMs } = host;
  if (lastSeenAt === undefined) return undefined;
  // A time to come is of a clock that was put back since.
  if (lastSeenAt >= listeningSince && lastSeenAt <= now + aheadMs)
    return now - lastSeenAt >= Math.max(leastSilentMs, silentHeartbeats * heartbeatMs);
  return now - listeningSince < Math.max(leastSilentMs, firstHeartbeats * heartbeatMs) ? undefined : true;
}

function offlineMessage({ name, lastSeenAt = 0 }: HostFactsNow, { now, listeningSince }: Moment): string {
  const since = lastSeenAt > now ? listeningSince : lastSeenAt;
  return `${name} has not been heard of for ${Math.round((now - since) / 1000)} s`;
}

type Found = Pick<Condition, 'subject' | 'message'>;
type JudgedRule = Exclude<AlertRuleName, 'host-offline'>;

const judges: { readonly [Rule in JudgedRule]: (host: HostFactsNow, threshold: number) => Found[] } = {
  'engine-down': ({ name, engine }) =>
    engine === 'down' ? [{ subject: '', message: `The container engine of ${name} does not answer` }] : [],
  'disk-full': ({ name, sample }, threshold) =>
    (sample?.host?.disks ?? [])
      .filter((disk) => fullnessOf(disk) >= threshold)
      .map((disk) => {
        const { path, availableBytes } = disk;
        const free = (availableBytes / 1024 ** 3).toFixed(1);
        const message = `${path} of ${name} is ${Math.floor(fullnessOf(disk) * 100)} % full, ${free} GiB are free`;
        return { subject: path, message };
      }),
  'gpu-hot': ({ name, sample }, threshold) =>
    (sample?.gpus ?? []).flatMap(({ uuid, name: model, temperatureCelsius }) =>
      temperatureCelsius === undefined || temperatureCelsius < threshold
        ? []
        : [{ subject: uuid, message: `${model} (${uuid}) of ${name} is at ${temperatureCelsius} °C` }],
    ),
  'restart-loop': ({ name, workspaces }, threshold) =>
    workspaces
      .filter(({ state, restarts }) => state === 'restarting' && restarts >= threshold)
      .map(({ name: subject, restarts, reason = `${restarts} restarts` }) => ({
        subject,
        message: `${subject} on ${name} does not keep running: ${reason}`,
      })),
  drift: ({ name, workspaces, problems }) => {
    const apart = workspaces.filter(({ state }) => state === 'failed' || state === 'foreign' || state === 'unhealthy');
    // Has a rule of its own.
    const isRestarting = (of: string) => workspaces.some((one) => one.name === of && one.state === 'restarting');
    const others = problems.filter((problem) => !isRestarting(problem.name));
    if (others.length + apart.length === 0) return [];
    const why = [
      ...others.map((problem) => `${problem.name}: ${problem.message}`),
      ...apart.map((one) => `${one.name}: ${one.reason ?? one.state}`),
    ];
    const more = why.length > 3 ? `, and ${why.length - 3} more` : '';
    const message = `${name} is not as declared: ${why.slice(0, 3).join('; ')}${more}`.slice(0, 4_000);
    return [{ subject: '', message }];
  },
};

const judgedRules = Object.keys(judges) as readonly JudgedRule[]; // The keys of the line above, no others.
