import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { Change, HostPlan } from '../contracts/host-change.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import { digestSchema } from '../contracts/ids.ts';
import { checkSpec } from '../reconcile/check-spec.ts';
import { planOf } from '../reconcile/plan.ts';
import { hostSpecDigest, secretRefs } from '../reconcile/spec-digest.ts';
import type { Target } from '../reconcile/target.ts';
import type { ActivityLog } from './activity.ts';
import { refuseHostBytes } from './context-room.ts';
import type { Contexts } from './contexts.ts';
import { secretDigest } from './desired.ts';
import type { HostReports } from './host-reports.ts';
import type { StoredHost } from './host-store.ts';
import type { Revision, Revisions } from './revisions.ts';

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
  /** Makes a revision even of what is declared already. */
  readonly again?: boolean | undefined;
}

export interface Declaration {
  readonly change: Change;
  readonly plan: HostPlan;
  /** False where all of it was declared already: `change` is that revision. */
  readonly isNew: boolean;
}

/** The steps that a spec would take, from what the host last reported. Values of secrets that are not given stay as they are. */
export function planFor(
  ports: HostSpecPorts,
  host: StoredHost,
  { spec, secrets, again = false }: Pick<DeclaredSpec, 'spec' | 'secrets' | 'again'>,
): HostPlan {
  const { hostId, settings } = host;
  // What cannot be decrypted any more can still be declared anew.
  const known = again ? secrets : { ...ports.revisions.find(hostId)?.secrets, ...secrets };
  const secretDigests = Object.fromEntries(
    secretRefs(spec).flatMap((ref) => {
      const value = known[ref];
      return value === undefined ? [] : [[ref, secretDigest(ports.atRest, value)]];
    }),
  );
  const declared = again ? undefined : declaredBy(ports, hostId, { spec, secrets: known });
  const revision = declared?.change.revision ?? ports.revisions.nextNumber(hostId, toldRevision(ports, hostId));
  const target = { hostId, revision, spec, settings, secretDigests };
  const observation = ports.reports.observation(hostId);
  if (observation === undefined) return unknownPlan(host, target);
  const appliedRevision = ports.revisions.lastApplied(hostId);
  return planOf(target, observation, { now: ports.now().getTime(), appliedRevision });
}

/** A host that never reported may have anything. */
function unknownPlan({ name }: StoredHost, { spec, revision, secretDigests }: Target): HostPlan {
  const message = 'has not reported yet what it has: the steps are decided when it does';
  const specDigest = digestSchema.parse(hostSpecDigest(spec));
  const index = digestOf(canonicalize([specDigest, revision, secretDigests ?? {}]));
  return { index, specDigest, steps: [], problems: [{ name, message }] };
}

/** Declares a spec: accepted whole, or refused with nothing changed. What is declared already is not declared again. */
export async function declareSpec(
  ports: HostSpecPorts,
  host: StoredHost,
  declared: DeclaredSpec,
): Promise<Declaration> {
  const { spec, secrets, check } = declared;
  refuseProblems(spec);
  refuseMissingSecrets(spec, secrets);
  await refuseContexts(ports.contexts, spec);
  const declaration = ports.database.transaction(() => {
    const plan = planFor(ports, host, declared);
    refuseMoved(check, host, () => (declared.again === true ? planFor(ports, host, { spec, secrets }) : plan));
    const known = declared.again === true ? undefined : declaredBy(ports, host.hostId, declared);
    return { change: known?.change ?? addRevision(ports, host, declared), plan, isNew: known === undefined };
  });
  if (declaration.isNew) ports.onRevision(host.hostId, declaration.change.revision);
  return declaration;
}

function refuseMoved(check: string | undefined, { name }: StoredHost, planNow: () => HostPlan): void {
  if (check === undefined) return;
  const { index } = planNow();
  if (check === index) return;
  throw new AppError(
    'task-conflict',
    `Cannot apply plan "${check}": the host, its spec or a secret has moved since, the plan is now "${index}"`,
    { next: `Look at the new plan: agora host plan ${name} -f <file>, and apply with its index.` },
  );
}

function addRevision(
  ports: HostSpecPorts,
  { hostId, name }: StoredHost,
  { spec, secrets, actor, message }: DeclaredSpec,
): Change {
  const at = ports.now().toISOString();
  const specDigest = hostSpecDigest(spec);
  const told = toldRevision(ports, hostId);
  const change = ports.revisions.add(hostId, { spec, specDigest, secrets, actor, message, at, told });
  const details = { revision: change.revision, specDigest, message };
  ports.activity.add({ actor, action: 'spec.apply', subject: `host:${name}`, details });
  return change;
}

/** The latest revision, where it says just this: values of refs that the spec does not name make no difference. */
function declaredBy(
  ports: HostSpecPorts,
  hostId: HostId,
  { spec, secrets }: Pick<DeclaredSpec, 'spec' | 'secrets'>,
): Revision | undefined {
  const latest = ports.revisions.find(hostId);
  if (latest === undefined || latest.change.specDigest !== hostSpecDigest(spec)) return undefined;
  // A host that has more than was ever declared here takes nothing that is not past it.
  if ((toldRevision(ports, hostId) ?? 0) > latest.change.revision) return undefined;
  return secretRefs(spec).every((ref) => latest.secrets[ref] === secrets[ref]) ? latest : undefined;
}

function toldRevision(ports: HostSpecPorts, hostId: HostId): number | undefined {
  return ports.reports.of(hostId)?.revision;
}

/** Declares again what an earlier revision declared; without a number the one before the latest. */
export async function rollBack(
  ports: HostSpecPorts,
  host: StoredHost,
  { revision, actor }: { readonly revision?: number | undefined; readonly actor: string },
): Promise<Declaration> {
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
  const missing = secretRefs(spec).filter((ref) => !Object.hasOwn(secrets, ref));
  if (missing.length === 0) return;
  throw new AppError('secret-missing', `Cannot apply the spec: no value came for secret "${missing[0]}"`, {
    next: 'Apply it with `agora host apply`, which resolves refs on your machine.',
  });
}

/** Those that are not here, and more than one host may name. */
async function refuseContexts(contexts: Contexts, spec: HostSpec): Promise<void> {
  const sizes = new Map<string, number>();
  for (const [name, { build }] of Object.entries(spec.images)) {
    if (build === undefined) continue;
    const digest = digestSchema.safeParse(build.context).data;
    const sizeBytes = digest && (await contexts.sizeOf(digest));
    if (sizeBytes === undefined) {
      throw new AppError('not-found', `Cannot apply the spec: the build context of image "${name}" is not here`, {
        next: 'Apply it with `agora host apply` and its folder, which hands contexts in.',
      });
    }
    sizes.set(build.context, sizeBytes);
  }
  refuseHostBytes(
    [...sizes.values()].reduce((sum, size) => sum + size, 0),
    contexts.limits,
  );
}
