import * as z from 'zod';
import { retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { DockerConnection } from './docker-connection.ts';
import { httpStatus, orUndefined } from './docker-errors.ts';
import { limitsOf, limitsSchema } from './docker-host-limits.ts';
import { type ContainerDetails, isStillSo, type ListedStatus, readListedStatus } from './docker-host-status.ts';
import { ask } from './docker-request.ts';

const labelsSchema = z.record(z.string(), z.string()).nullish();

const containersSchema = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()),
    ImageID: z.string(),
    Labels: labelsSchema,
    State: z.string(),
    Status: z.string(),
    NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()).nullish() }).nullish(),
  }),
);
type ListedContainer = z.infer<typeof containersSchema>[number];

const inspectedSchema = z.object({
  HostConfig: limitsSchema.optional(),
  RestartCount: z.int().default(0),
  State: z.object({
    Status: z.string(),
    ExitCode: z.int(),
    OOMKilled: z.boolean().default(false),
    Error: z.string().default(''),
    StartedAt: z.string(),
    FinishedAt: z.string(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
});

/** What was seen of a container when it was looked at. */
export type SeenContainer = ContainerDetails &
  Pick<ObservedContainer, 'isOutOfMemory' | 'error' | 'restartCount' | 'startedAt' | 'finishedAt' | 'limits'>;

/** Settings that changed are in no list; an end is told some time before the list has it. */
const doubtfulActions: ReadonlySet<string> = new Set(['update', 'die', 'died']);

/** What was seen of containers, by id, kept from one list to the next. */
export class SeenContainers {
  readonly details = new Map<string, SeenContainer>();
  readonly #doubtedAtMs = new Map<string, number>();

  /** After what the list does not show the container itself is looked at: that answer waits until the engine is done with it. */
  heard(action: string, id: string): void {
    if (!doubtfulActions.has(action)) return;
    this.details.delete(id);
    this.#doubtedAtMs.set(id, performance.now());
  }

  /** False where it was doubted since that look. */
  take(id: string, details: SeenContainer): boolean {
    if (details.lookedAtMs <= (this.#doubtedAtMs.get(id) ?? 0)) return false;
    this.#doubtedAtMs.delete(id);
    this.details.set(id, details);
    return true;
  }

  /** Those that are no more. */
  forget(isGone: (id: string) => boolean): void {
    for (const known of [this.details, this.#doubtedAtMs])
      for (const id of known.keys()) if (isGone(id)) known.delete(id);
  }
}

/** Looks at this many containers at once. */
const looksAtOnce = 8;

export async function observeContainers(
  connection: DockerConnection,
  seen: SeenContainers,
  signal: AbortSignal | undefined,
): Promise<ObservedContainer[]> {
  const line = { method: 'GET', path: '/containers/json', query: { all: 1 }, answer: containersSchema } as const;
  // Before the list: what it says was so at some later moment.
  const askedAtMs = performance.now();
  const found = await ask(connection, { action: 'list containers', signal }, line);
  const listed = found.map((container) => ({ container, said: readListedStatus(container.State, container.Status) }));
  const isOurs = (one: (typeof listed)[number]) => one.container.Labels?.[hostLabels.host] !== undefined;
  const unproven: string[] = [];
  for (const { container, said } of listed.filter(isOurs)) {
    const details = seen.details.get(container.Id);
    if (details === undefined || !isStillSo(details, said, performance.now())) unproven.push(container.Id);
    else seen.details.set(container.Id, { ...details, health: said.health ?? details.health, provenAtMs: askedAtMs });
  }
  const gone = await lookAt(connection, { ids: unproven, seen, signal });
  const ids = new Set(listed.map(({ container }) => container.Id));
  seen.forget((id) => !ids.has(id) || gone.has(id));
  return listed
    .filter(({ container }) => !gone.has(container.Id))
    .map(({ container, said }) => observed(container, said, seen.details.get(container.Id)));
}

interface Looks {
  readonly ids: readonly string[];
  readonly seen: SeenContainers;
  readonly signal: AbortSignal | undefined;
}

/** Looks at each; those that went away since the list was made. One that cannot be read is as the list says. */
async function lookAt(connection: DockerConnection, { ids, seen, signal }: Looks): Promise<Set<string>> {
  const gone = new Set<string>();
  const waiting = [...ids];
  const work = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const details = await inspectReadable(connection, id, signal);
      if (details === undefined) gone.add(id);
      else if (details === 'unreadable') seen.details.delete(id);
      else if (!seen.take(id, details)) waiting.push(id);
    }
  };
  await Promise.all(Array.from({ length: Math.min(looksAtOnce, ids.length) }, work));
  return gone;
}

/** Podman fails to look at one that ends at that moment, a moment later it does not. */
const looksAtUnreadable = 2;

async function inspectReadable(
  connection: DockerConnection,
  id: string,
  signal: AbortSignal | undefined,
): Promise<SeenContainer | 'unreadable' | undefined> {
  const options = { attempts: looksAtUnreadable, isRetryable: isUnreadable, ...(signal !== undefined && { signal }) };
  try {
    return await retry(() => inspect(connection, id, signal), options);
  } catch (error) {
    if (isUnreadable(error)) return 'unreadable';
    throw error;
  }
}

/** The engine answers, and fails at this container. */
function isUnreadable(error: unknown): boolean {
  return isAppError(error, 'internal') && (httpStatus(error.cause) ?? 0) >= 500;
}

async function inspect(
  connection: DockerConnection,
  id: string,
  signal: AbortSignal | undefined,
): Promise<SeenContainer | undefined> {
  const askedAtMs = performance.now();
  const call = { action: `look at container "${id}"`, signal };
  const line = { method: 'GET', path: `/containers/${id}/json`, answer: inspectedSchema } as const;
  const found = await orUndefined(ask(connection, call, line));
  if (found === undefined) return undefined;
  const { State: state, RestartCount: restartCount, HostConfig: settings } = found;
  const startedAt = timeOf(state.StartedAt);
  const finishedAt = timeOf(state.FinishedAt);
  return {
    status: isLost(state.Error) ? 'dead' : readListedStatus(state.Status, '').status,
    health: healthOf(state.Health?.Status),
    exitCode: state.ExitCode,
    isOutOfMemory: state.OOMKilled,
    error: state.Error,
    restartCount,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(settings !== undefined && { limits: limitsOf(settings) }),
    lookedAtMs: askedAtMs,
    provenAtMs: askedAtMs,
  };
}

const lostWords =
  /\btask [0-9a-f]{64}:? already exists|failed to start shim: mkdir \S*\/[0-9a-f]{64}: file exists|\bid already in use\b/;

/** An engine that was killed while it started a container has forgotten what it began, and refuses to start it ever after. */
function isLost(error: string): boolean {
  return lostWords.test(error);
}

function observed(
  container: ListedContainer,
  said: ListedStatus,
  details: SeenContainer | undefined,
): ObservedContainer {
  return {
    id: container.Id,
    name: nameOf(container),
    imageId: container.ImageID,
    labels: container.Labels ?? {},
    status: details?.status ?? said.status,
    health: details?.health ?? said.health ?? 'none',
    exitCode: details?.exitCode ?? said.exitCode ?? 0,
    isOutOfMemory: details?.isOutOfMemory ?? false,
    error: details?.error ?? '',
    restartCount: details?.restartCount ?? 0,
    ...(details?.startedAt !== undefined && { startedAt: details.startedAt }),
    ...(details?.finishedAt !== undefined && { finishedAt: details.finishedAt }),
    networks: Object.keys(container.NetworkSettings?.Networks ?? {}).sort(),
    ...(details?.limits !== undefined && { limits: details.limits }),
  };
}

/** Besides its own, an engine lists the names by which others link to it: `/other/alias`. */
function nameOf({ Names: names }: ListedContainer): string {
  const own = names.find((name) => name.lastIndexOf('/') <= 0) ?? names[0] ?? '';
  return own.replace(/^\//, '');
}

/** Engines write the year 1 for never, and more digits than a date has. */
function timeOf(text: string): string | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) || time <= 0 ? undefined : new Date(time).toISOString();
}

function healthOf(status: string | undefined): ObservedContainer['health'] {
  return status === 'healthy' || status === 'unhealthy' || status === 'starting' ? status : 'none';
}
