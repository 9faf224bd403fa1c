import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { Change, HostPlan } from '../contracts/host-change.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import { digestSchema } from '../contracts/ids.ts';
import { checkSpec } from '../reconcile/check-spec.ts';
import { planOf } from '../reconcile/plan.ts';
import { hostSpecDigest } from '../reconcile/spec-digest.ts';
import type { ActivityLog } from './activity.ts';
import { type Contexts, hasContext } from './contexts.ts';
import { secretDigest } from './desired.ts';
import type { HostReports } from './host-reports.ts';
import type { StoredHost } from './host-store.ts';
import type { Revisions } from './revisions.ts';

export interface HostSpecPorts {
  readonly database: SqliteDatabase;
  readonly revisions: Revisions;
  readonly reports: HostReports;
  readonly contexts: Contexts;
  readonly activity: ActivityLog;
  readonly atRest: Uint8Array;
  readonly now: () => Date;
  /** Told once a host has a new revision. */
  readonly onRevision: (hostId: HostId, revision: number) => void;
}

export interface DeclaredSpec {
  readonly spec: HostSpec;
  /** Values of the refs that it names. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly message: string;
  readonly actor: string;
  /** The index of the plan that was looked at. */
  readonly check?: string | undefined;
}

/** The steps that a spec would take, from what the host last reported. */
export function planFor(
  ports: HostSpecPorts,
  host: StoredHost,
  spec: HostSpec,
  secrets?: Readonly<Record<string, string>>,
): HostPlan {
  const { hostId, settings } = host;
  const latest = ports.revisions.find(hostId);
  const known = secrets ?? latest?.secrets ?? {};
  const secretDigests = Object.fromEntries(
    Object.entries(known).map(([ref, value]) => [ref, secretDigest(ports.atRest, value)]),
  );
  const specDigest = hostSpecDigest(spec);
  const isDeclared = latest?.change.specDigest === specDigest;
  const told = ports.reports.of(hostId)?.revision;
  const revision = isDeclared ? latest.change.revision : ports.revisions.nextNumber(hostId, told);
  const observation = ports.reports.observation(hostId);
  if (observation === undefined) return unknownPlan(host, specDigest);
  const appliedRevision = ports.revisions.lastApplied(hostId);
  return planOf({ hostId, revision, spec, settings, secretDigests }, observation, {
    now: ports.now().getTime(),
    appliedRevision,
  });
}

/** A host that never reported may have anything. */
function unknownPlan({ name }: StoredHost, specDigest: string): HostPlan {
  const message = 'has not reported yet what it has: the steps are decided when it does';
  return {
    index: `unknown-${specDigest.slice(7, 23)}`,
    specDigest: digestSchema.parse(specDigest),
    steps: [],
    problems: [{ name, message }],
  };
}

/** Declares a spec: accepted whole, or refused with nothing changed. */
export async function declareSpec(
  ports: HostSpecPorts,
  host: StoredHost,
  declared: DeclaredSpec,
): Promise<{ readonly change: Change; readonly plan: HostPlan }> {
  const { spec, secrets, check } = declared;
  refuseProblems(spec);
  refuseMissingSecrets(spec, secrets);
  await refuseMissingContexts(ports.contexts, spec);
  const { change, plan } = ports.database.transaction(() => {
    const plan = planFor(ports, host, spec, secrets);
    if (check !== undefined && check !== plan.index) {
      throw new AppError(
        'task-conflict',
        `Cannot apply plan "${check}": the host or its spec has moved since, the plan is now "${plan.index}"`,
        {
          next: 'Look at the new plan: agora host plan, and apply with its index.',
        },
      );
    }
    const at = ports.now().toISOString();
    const { actor, message } = declared;
    const specDigest = hostSpecDigest(spec);
    const told = ports.reports.of(host.hostId)?.revision;
    const change = ports.revisions.add(host.hostId, { spec, specDigest, secrets, actor, message, at, told });
    const details = { revision: change.revision, specDigest, message };
    ports.activity.add({ actor, action: 'spec.apply', subject: `host:${host.name}`, details });
    return { change, plan };
  });
  ports.onRevision(host.hostId, change.revision);
  return { change, plan };
}

/** Declares again what an earlier revision declared; without a number the one before the latest. */
export async function rollBack(
  ports: HostSpecPorts,
  host: StoredHost,
  { revision, actor }: { readonly revision?: number | undefined; readonly actor: string },
) {
  const [latest, previous] = ports.revisions.changes(host.hostId, 2);
  const wanted = revision ?? previous?.revision;
  const earlier = wanted === undefined ? undefined : ports.revisions.find(host.hostId, wanted);
  if (earlier === undefined) {
    const state = latest === undefined ? 'nothing is declared yet' : `its latest revision is ${latest.revision}`;
    const which = wanted === undefined ? 'what was declared before' : `revision ${wanted}`;
    throw new AppError('not-found', `Cannot roll host "${host.name}" back to ${which}: ${state}`, {
      next: `agora host history ${host.name}`,
    });
  }
  const { spec, secrets } = earlier;
  return declareSpec(ports, host, { spec, secrets, actor, message: `as revision ${earlier.change.revision}` });
}

export function specOf(ports: HostSpecPorts, host: StoredHost, revision: number | undefined) {
  const found = ports.revisions.find(host.hostId, revision);
  if (found !== undefined) return { spec: found.spec, change: found.change };
  const which = revision === undefined ? 'anything declared' : `revision ${revision}`;
  throw new AppError('not-found', `Cannot find ${which} for host "${host.name}": there is none`, {
    next: 'Declare something: agora host apply.',
  });
}

function refuseProblems(spec: HostSpec): void {
  const problems = checkSpec(spec);
  if (problems.length === 0) return;
  const told = problems.slice(0, 10).map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new AppError('invalid-input', `Cannot apply the spec: ${told.join('; ')}`);
}

function refuseMissingSecrets(spec: HostSpec, secrets: Readonly<Record<string, string>>): void {
  const builds = Object.values(spec.images).flatMap(({ build }) => Object.values(build?.secrets ?? {}));
  const refs = [...builds, ...Object.values(spec.workspaces).flatMap((workspace) => Object.values(workspace.secrets))];
  const missing = refs.filter((ref) => !Object.hasOwn(secrets, ref));
  if (missing.length === 0) return;
  throw new AppError('secret-missing', `Cannot apply the spec: no value came for secret "${missing[0]}"`, {
    next: 'Apply it with `agora host apply`, which resolves refs on your machine.',
  });
}

async function refuseMissingContexts(contexts: Contexts, spec: HostSpec): Promise<void> {
  for (const [name, { build }] of Object.entries(spec.images)) {
    const digest = digestSchema.safeParse(build?.context).data;
    if (build === undefined || (digest !== undefined && (await hasContext(contexts, digest)))) continue;
    throw new AppError('not-found', `Cannot apply the spec: the build context of image "${name}" was not handed in`, {
      next: 'Apply it with `agora host apply`, which hands contexts in.',
    });
  }
}
