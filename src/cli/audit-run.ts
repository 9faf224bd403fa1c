import { printBundle } from '../audit/bundle.ts';
import type { Trust } from '../audit/trust.ts';
import type { AnchorEvidenceFile } from '../audit/verify/anchor-evidence.ts';
import { type Bundle, readBundle } from '../audit/verify/bundle.ts';
import { Refusal } from '../audit/verify/refusal.ts';
import type { Report } from '../audit/verify/report.ts';
import { type ArtifactState, verifyBundle } from '../audit/verify/verify.ts';
import { withDeadline } from '../base/deadline.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { digestSchema, type RunId } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { isTerminalItem } from '../contracts/run.ts';
import type { Storage } from '../storage/storage.ts';
import { notTaken } from './not-taken.ts';
import { evidenceFile, readAnchors, withReadings } from './read-anchors.ts';
import { readRunState } from './run-state.ts';

export interface AuditedRun {
  readonly report: Report;
  /** The bundle with this report, and what the anchors showed, in place of the daemon's. */
  readonly text: string;
  /** What the anchors showed, for another verifier. */
  readonly evidence?: AnchorEvidenceFile;
}

export interface AuditOptions {
  readonly trust: Trust | undefined;
  /** How long to wait for a run that is not sealed yet. Default: 10000. */
  readonly waitMs?: number;
}

const defaults = { waitMs: 10_000 } satisfies Partial<AuditOptions>;

/** The bundle a run published, judged afresh against the trust and the bytes in storage. */
export async function auditRun(orch: OrchContext, runId: RunId, options: AuditOptions): Promise<AuditedRun> {
  const published = await publishedBundle(orch, runId, options.waitMs ?? defaults.waitMs);
  const bundle = bundleIn(published);
  const readings = bundle === undefined ? [] : await readAnchors(orch.anchors ?? [], bundle);
  const report = await verifyBundle(published, {
    trust: options.trust,
    expectRunId: runId,
    artifacts: (digest) => hashArtifact(orch.storage, digest),
    readings,
  });
  // What is no bundle any more is shown as it lies there.
  const text = bundle === undefined ? published : printBundle({ ...withReadings(bundle, readings), report });
  const evidence = bundle === undefined ? undefined : evidenceFile(bundle, readings);
  return { report, text, ...(evidence === undefined ? {} : { evidence }) };
}

/** Undefined where the verifier will refuse to read it. */
function bundleIn(text: string): Bundle | undefined {
  try {
    return readBundle(text);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function publishedBundle({ transport }: OrchContext, runId: RunId, waitMs: number): Promise<string> {
  for await (const _ of transport.mailbox.watch(mailboxKeys.run(runId), withDeadline(waitMs))) {
    const text = await transport.auditText(runId);
    if (text !== undefined) return text;
  }
  throw await notSealed(transport, runId);
}

async function notSealed(transport: OrchContext['transport'], runId: RunId): Promise<AppError> {
  const action = `Cannot audit run "${runId}"`;
  const next = `agora orch watch ${runId}`;
  const state = await readRunState(transport, runId);
  if (state === undefined) return notTaken(transport, runId, action);
  const live = [...state.items.values()].filter((item) => !isTerminalItem(item.status));
  const shown = live.slice(0, 5).map((item) => `${item.id} (${item.status})`);
  const more = live.length > shown.length ? ` and ${live.length - shown.length} more` : '';
  const remains = live.length === 0 ? 'its seal is being made' : `still to end: ${shown.join(', ')}${more}`;
  return new AppError('not-ready', `${action}: it is not sealed yet, ${remains}`, { next });
}

async function hashArtifact(storage: Storage, text: string): Promise<ArtifactState> {
  const digest = digestSchema.parse(text);
  if ((await storage.statBlob(digest)) === undefined) return 'missing';
  try {
    // Storage hashes what it reads; reading to the end is the check.
    for await (const _ of storage.getBlob(digest));
    return 'ok';
  } catch (error) {
    if (isAppError(error, 'artifact-mismatch')) return 'mismatch';
    if (isAppError(error, 'not-found')) return 'missing';
    throw error;
  }
}
