import { AppError } from '../contracts/errors.ts';
import type { AnchorEvidence } from './anchor.ts';
import type { Seal } from './seal.ts';
import { type Bundle, bundleFormat } from './verify/bundle.ts';
import type { AnchorReading } from './verify/judge-anchors.ts';
import { readPlan } from './verify/plan.ts';
import { auditRecord } from './verify/record.ts';
import { Refusal } from './verify/refusal.ts';
import { type Replay, replay } from './verify/replay.ts';
import type { Report } from './verify/report.ts';
import type { Trust } from './verify/trust.ts';
import { verifyAssembled } from './verify/verify.ts';

export type ReportedBundle = Bundle & { readonly report: Report };

export interface BundleInput {
  readonly runId: string;
  /** The plan's JCS text. */
  readonly planText: string;
  /** In the order of the item.fired records. */
  readonly manifests: readonly object[];
  readonly recordTexts: Iterable<string>;
  readonly seal: Seal;
  /** In the order the run was submitted under. */
  readonly anchors: readonly AnchorEvidence[];
  /** What the anchors showed just now. Default: nothing was read back. */
  readonly readings?: readonly AnchorReading[];
  /** What the producer's own report is made with. */
  readonly trust: Trust;
}

/** Puts a closed and sealed run together and verifies it. A bundle that does not verify says so in its report. */
export function assembleBundle(input: BundleInput): ReportedBundle {
  const entries = Array.from(input.recordTexts, parseEntry);
  const { items, artifacts } = derive(input.planText, entries);
  const bundle: Bundle = {
    format: bundleFormat,
    runId: input.runId,
    plan: input.planText,
    manifests: input.manifests as Bundle['manifests'],
    auditLog: { entries, root: { size: input.seal.size, hash: input.seal.root } },
    seal: input.seal.envelope,
    anchors: input.anchors,
    items,
    artifacts,
  };
  return { ...bundle, report: verifyAssembled(bundle, input.trust, input.readings) };
}

/** A bundle as it is published and exported. */
export function printBundle(bundle: Bundle): string {
  for (const indent of [2, 0]) {
    try {
      return `${JSON.stringify(bundle, null, indent)}\n`;
    } catch (error) {
      // V8's answer to a string of more than half a gigabyte; without indentation it may fit.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new AppError(
    'limit-exceeded',
    `Cannot print the bundle of run "${bundle.runId}": it is larger than one text can be`,
  );
}

/** An entry that is no JSON any more is shown as the text it is; the verifier refuses it. */
function parseEntry(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Nothing is derived from records that contradict each other; the verifier says where they do. */
function derive(planText: string, entries: readonly unknown[]): Pick<Replay, 'items' | 'artifacts'> {
  try {
    const records = entries.map((entry, index) => auditRecord(entry, `auditLog.entries[${index}]`));
    return replay(readPlan(planText), records);
  } catch (error) {
    if (error instanceof Refusal) return { items: [], artifacts: [] };
    throw error;
  }
}
