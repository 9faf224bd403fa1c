import { canonicalize } from '../base/canonical-json.ts';
import { schemaWords } from '../base/schema-words.ts';
import type { Compute, ProviderInfo } from '../compute/compute.ts';
import {
  type DispatchRecord,
  type DispatchWork,
  type DispatchWorkInput,
  dispatchWorkSchema,
} from '../contracts/dispatch.ts';
import { type GivenSecret, givenSecretSchema } from '../contracts/env-bundle.ts';
import { AppError } from '../contracts/errors.ts';
import { type ArtifactRef, type DispatchId, digestOfRef, dispatchIdSchema } from '../contracts/ids.ts';
import type { Answer } from '../contracts/question.ts';
import type { TaskAgent } from '../contracts/task.ts';
import { schemaProblems } from '../registry/schema-problems.ts';
import type { StoredBlob } from '../storage/storage.ts';
import { agentOf } from './agent-of.ts';
import { randomDispatchId } from './dispatch-id.ts';
import { thisProcess } from './owner.ts';
import type { DispatchPlace } from './place.ts';
import { createRecord, expiryOf } from './records.ts';
import { type ResolvedWork, resolvedRecord, resolveWork } from './resolve-work.ts';
import { stageSecrets, unstageSecrets } from './staged-secrets.ts';

/** What a caller asks for. A secret may be given itself: it is staged, and removed after the end. */
export type DispatchRequest = Omit<DispatchWorkInput, 'secrets'> & {
  readonly secrets?: Readonly<Record<string, string | GivenSecret>>;
};

/** An earlier dispatch that this one goes on with. */
export interface Continuation {
  readonly dispatchId: DispatchId;
  readonly answer: Answer;
  readonly partialPatch?: ArtifactRef | undefined;
  readonly session?: ArtifactRef | undefined;
  readonly sessionId?: string | undefined;
}

export interface AcceptOptions {
  /** Who asks, for the record. */
  readonly actor: string;
  /** Default: a random one. One that was used before is refused. */
  readonly dispatchId?: string | undefined;
  readonly continues?: Continuation | undefined;
  /** Gets lines about what is made ready. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Gives it up, unless it is accepted already. */
  readonly signal?: AbortSignal | undefined;
}

/** Everything is checked and decided, and recorded. */
export interface AcceptedDispatch {
  readonly record: DispatchRecord;
  readonly resolved: ResolvedWork;
  readonly agent: TaskAgent;
  readonly compute: Compute;
  readonly worktree: StoredBlob | undefined;
  readonly continues: Continuation | undefined;
}

/** Nothing is left of a dispatch that is not accepted. Raises what is wrong with it. */
export async function acceptDispatch(
  place: DispatchPlace,
  request: DispatchRequest,
  options: AcceptOptions,
): Promise<AcceptedDispatch> {
  const dispatchId = parseDispatchId(options.dispatchId);
  const { work, inline } = parseRequest(request);
  const compute = place.computeOf(work.target);
  const unstaged = await resolveWork(place, work);
  const agent = agentOf(unstaged, work.input, options.continues);
  const worktree = await worktreeOf(place, work);
  await requireInputs(place, work);
  const { onProgress, signal } = options;
  const info = await compute.describe({ runtime: agent.runtime, ...(onProgress === undefined ? {} : { onProgress }) });
  signal?.throwIfAborted();

  // Only now: whatever is wrong with the work, no secret of it was written anywhere.
  const staging = { dispatchId, secrets: inline, ttlSeconds: retentionSeconds(work) };
  const staged = await stageSecrets(place.secretStore, staging);
  try {
    const secretRefs = { ...unstaged.secretRefs, ...staged };
    const resolved = { ...unstaged, work: withSecrets(work, staged), secretRefs };
    const record = await recordOf(place, { dispatchId, resolved, info, options });
    if (!(await createRecord(place, record))) throw alreadyThere(dispatchId);
    return { record, resolved, agent, compute, worktree, continues: options.continues };
  } catch (error) {
    await unstageSecrets(place.secretStore, Object.values(staged));
    throw error;
  }
}

function withSecrets(work: DispatchWork, refs: Readonly<Record<string, string>>): DispatchWork {
  return { ...work, secrets: { ...work.secrets, ...refs } };
}

/** Stand for secrets that have no ref yet while the work is checked and its names are resolved. */
function placeholdersOf(inline: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(inline).map((variable) => [variable, 'env:STAGED_LATER']));
}

function parseDispatchId(given: string | undefined): DispatchId {
  if (given === undefined) return randomDispatchId();
  const parsed = dispatchIdSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid-input', `Cannot use dispatch id "${given}": it ${parsed.error.issues[0]?.message}`);
}

function parseRequest(request: DispatchRequest): {
  readonly work: DispatchWork;
  readonly inline: Readonly<Record<string, string>>;
} {
  // A caller without types may give anything.
  if (typeof request !== 'object' || request === null) throw invalidWork('there is no work');
  const refs: Record<string, string> = {};
  const inline: Record<string, string> = {};
  for (const [name, given] of Object.entries(request.secrets ?? {})) {
    const secret = typeof given === 'string' ? { ref: given } : given;
    const parsed = givenSecretSchema.safeParse(secret);
    // Never with what was given: it may be the secret itself.
    if (!parsed.success) throw invalidWork(`secrets.${name} must be a ref such as env:NAME, or {inline: …}`);
    if ('ref' in parsed.data) refs[name] = parsed.data.ref;
    else inline[name] = parsed.data.inline;
  }
  requireJson(request.input);
  const secrets = { ...refs, ...placeholdersOf(inline) };
  const parsed = dispatchWorkSchema.safeParse({ ...request, secrets }, { error: schemaWords });
  if (parsed.success) return { work: parsed.data, inline };
  const problems = schemaProblems(parsed.error, Object.keys(dispatchWorkSchema.shape));
  throw invalidWork(problems.map(({ path, message }) => (path === '' ? message : `${path} ${message}`)).join('; '));
}

/** Before it is walked through: what holds itself has no end. */
function requireJson(input: unknown): void {
  try {
    canonicalize(input ?? null);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw invalidWork('input must be JSON of well-formed text, not nested too deeply');
  }
}

function invalidWork(state: string): AppError {
  return new AppError('invalid-input', `Cannot dispatch: ${state}`);
}

/** Where it is, only whoever put it there knows. */
const sameStorage = 'Use the config it was made with: each has a storage of its own.';

async function worktreeOf({ storage }: DispatchPlace, { source }: DispatchWork): Promise<StoredBlob | undefined> {
  if (source === undefined) return undefined;
  const found = await storage.statBlob(source);
  if (found !== undefined) return found;
  throw new AppError('not-found', `Cannot start from source "${source}": it is not in storage`, { next: sameStorage });
}

async function requireInputs({ storage }: DispatchPlace, { inputs }: DispatchWork): Promise<void> {
  for (const [key, ref] of Object.entries(inputs)) {
    if ((await storage.statBlob(digestOfRef(ref))) !== undefined) continue;
    throw new AppError('not-found', `Cannot hand in "inputs/${key}": artifact "${ref}" is not in storage`, {
      next: sameStorage,
    });
  }
}

interface Decided {
  readonly dispatchId: DispatchId;
  readonly resolved: ResolvedWork;
  readonly info: ProviderInfo;
  readonly options: AcceptOptions;
}

async function recordOf(place: DispatchPlace, decided: Decided): Promise<DispatchRecord> {
  const { dispatchId, resolved, info, options } = decided;
  const { work } = resolved;
  const acceptedAt = new Date().toISOString();
  const continues = options.continues;
  return {
    format: 'agora/dispatch/v1',
    dispatchId,
    deploymentId: await place.deploymentId(),
    status: 'accepted',
    actor: options.actor,
    acceptedAt,
    expiresAt: expiryOf(acceptedAt, work.retentionDays),
    owner: thisProcess(),
    work,
    resolved: resolvedRecord(resolved),
    provider: info.summary,
    image: work.image ?? info.image,
    ...(continues === undefined ? {} : { resumes: continues.dispatchId, answer: continues.answer }),
  };
}

/** A staged secret lies there as long as its dispatch may be answered. */
function retentionSeconds({ retentionDays }: DispatchWork): number {
  const now = Date.now();
  return (Date.parse(expiryOf(new Date(now).toISOString(), retentionDays)) - now) / 1000;
}

function alreadyThere(dispatchId: DispatchId): AppError {
  return new AppError('run-exists', `Cannot dispatch as "${dispatchId}": there is a dispatch of that id`, {
    next: `agora dispatch describe ${dispatchId}`,
  });
}
