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

/** Something a rule speaks of: it is so, it is not, or nobody knows. */
export interface Condition {
  readonly rule: AlertRuleName;
  readonly hostId: HostId;
  /** Empty for the host as a whole. */
  readonly subject: string;
  readonly isSo: boolean | undefined;
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
 * Judges a host. One that is silent is judged by nothing else, and while the server has not listened for long nothing is judged that it
 * has not heard of since: not known is never "over".
 */
export function conditionsOf(
  host: HostFactsNow,
  rules: ReadonlyMap<AlertRuleName, AlertRule>,
  moment: Moment,
): Condition[] {
  const isSilent = silence(host, moment);
  const { hostId } = host;
  const offline = {
    rule: 'host-offline',
    hostId,
    subject: '',
    isSo: isSilent,
    message: offlineMessage(host, moment),
  } as const;
  const others = (Object.keys(judges) as (keyof typeof judges)[]).flatMap((rule) => {
    const threshold = rules.get(rule)?.threshold ?? 0;
    return judges[rule](host, threshold).map((judged) => ({ rule, hostId, ...judged }));
  });
  return [offline, ...others.map((one) => (isSilent === false ? one : { ...one, isSo: undefined }))];
}

/** Whether a host tells enough to say that what a rule spoke of is no longer there. */
export function isKnown(rule: AlertRuleName, host: HostFactsNow, moment: Moment): boolean {
  if (silence(host, moment) !== false) return false;
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

type Judged = Pick<Condition, 'subject' | 'isSo' | 'message'>;

const judges: {
  readonly [Rule in Exclude<AlertRuleName, 'host-offline'>]: (host: HostFactsNow, threshold: number) => Judged[];
} = {
  'engine-down': ({ name, engine }) => [
    {
      subject: '',
      isSo: engine === 'unknown' ? undefined : engine === 'down',
      message: `The container engine of ${name} does not answer`,
    },
  ],
  'disk-full': ({ name, sample }, threshold) =>
    (sample?.host?.disks ?? []).map((disk) => {
      const { path, availableBytes } = disk;
      const share = fullnessOf(disk);
      const free = (availableBytes / 1024 ** 3).toFixed(1);
      const message = `${path} of ${name} is ${Math.floor(share * 100)} % full, ${free} GiB are free`;
      return { subject: path, isSo: share >= threshold, message };
    }),
  'gpu-hot': ({ name, sample }, threshold) =>
    (sample?.gpus ?? []).flatMap(({ uuid, name: model, temperatureCelsius }) => {
      if (temperatureCelsius === undefined) return [];
      const message = `${model} (${uuid}) of ${name} is at ${temperatureCelsius} °C`;
      return [{ subject: uuid, isSo: temperatureCelsius >= threshold, message }];
    }),
  'restart-loop': ({ name, workspaces }, threshold) =>
    workspaces.map((workspace) => ({
      subject: workspace.name,
      isSo: workspace.state === 'restarting' && workspace.restarts >= threshold,
      message: `${workspace.name} on ${name} does not keep running: ${workspace.reason ?? `${workspace.restarts} restarts`}`,
    })),
  drift: ({ name, workspaces, problems }) => {
    const apart = workspaces.filter(({ state }) => state === 'failed' || state === 'foreign' || state === 'unhealthy');
    // Has a rule of its own.
    const restarting = new Set(workspaces.filter(({ state }) => state === 'restarting').map((one) => one.name));
    const others = problems.filter((problem) => !restarting.has(problem.name));
    const why = [
      ...others.map((problem) => `${problem.name}: ${problem.message}`),
      ...apart.map((one) => `${one.name}: ${one.reason ?? one.state}`),
    ];
    const more = why.length > 3 ? `, and ${why.length - 3} more` : '';
    return [
      {
        subject: '',
        isSo: why.length > 0,
        message: `${name} is not as declared: ${why.slice(0, 3).join('; ')}${more}`.slice(0, 4_000),
      },
    ];
  },
};
