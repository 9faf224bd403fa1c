import type { AnchorEntry, AnchorEvidenceFile } from './anchor-evidence.ts';
import { type Bundle, readBundle } from './bundle.ts';
import {
  type CheckedRecords,
  checkAnchors,
  checkArtifacts,
  checkItems,
  checkManifests,
  checkPlan,
  checkRecords,
  checkRoot,
  checkSignature,
  checkStatement,
  readSealingFacts,
} from './checks.ts';
import { Findings, given } from './findings.ts';
import { digestOfRef } from './forms.ts';
import { type AnchorReading, type JudgedAnchors, judgeAnchors, readingsIn } from './judge-anchors.ts';
import type { Replay } from './replay.ts';
import { type AnchorReport, type Failure, type Guarantee, notProved, type Report } from './report.ts';
import type { Trust } from './trust.ts';

export type ArtifactState = 'ok' | 'mismatch' | 'missing';

export interface VerifyOptions {
  /** Without it a bundle is never intact: the verdict is `no-trust`. */
  readonly trust: Trust | undefined;
  /** Fetches and hashes an artifact's bytes. Default: refs are compared, bytes are not looked at. */
  readonly artifacts?: (digest: string) => Promise<ArtifactState>;
  /** The run the reader asked for. Default: whichever the bundle is about. */
  readonly expectRunId?: string;
  /** What anchors answered that the reader asked. Default: none was asked. */
  readonly readings?: readonly AnchorReading[];
  /** What anchors showed somebody the reader believes, and the reader's time. Default: nothing. */
  readonly evidence?: { readonly file: AnchorEvidenceFile; readonly now: string };
}

/** Judges a bundle by its text, the trust, and the artifacts' bytes if they can be fetched. */
export async function verifyBundle(text: string | Uint8Array, options: VerifyOptions): Promise<Report> {
  const judged = judge(text, options);
  return reportOf(judged, await checkArtifactBytes(judged, options.artifacts));
}

/** Judges a bundle on the side that assembles it, before it is printed. */
export function verifyAssembled(bundle: object, trust: Trust, readings: readonly AnchorReading[] = []): Report {
  return reportOf(judge(bundle, { trust, readings }), 'refs-only');
}

interface Judged {
  readonly findings: Findings;
  readonly trust: Trust | undefined;
  readonly bundle: Bundle | undefined;
  readonly log: CheckedRecords | undefined;
  readonly replayed: Replay | undefined;
  readonly anchors: JudgedAnchors;
}

function judge(input: string | Uint8Array | object, options: VerifyOptions): Judged {
  const { trust, expectRunId } = options;
  const findings = new Findings();
  const bundle = findings.check('parse', () => readBundle(input));
  const log = findings.check('records', () => checkRecords(given(bundle), expectRunId));
  const tree = findings.check('root', () => checkRoot(given(bundle), given(log)));
  const facts = findings.check('seal', () => readSealingFacts(given(bundle)));
  findings.check('seal', () => checkStatement(given(bundle), given(log), given(tree), given(facts)));
  findings.check('seal', () => checkSignature(given(bundle), given(log), given(facts), given(trust)));
  const plan = findings.check('plan', () => checkPlan(given(bundle), given(log)));
  const replayed = findings.check('items', () => checkItems(given(bundle), given(log), given(plan)));
  findings.check('manifests', () => checkManifests(given(bundle), given(replayed)));
  findings.check('artifacts', () => checkArtifacts(given(bundle), given(replayed)));
  const entry = findings.check('anchors', () => checkAnchors(given(bundle), given(log), given(tree), given(facts)));
  return { findings, trust, bundle, log, replayed, anchors: judgedAnchors(findings, options, bundle, entry) };
}

function judgedAnchors(
  findings: Findings,
  { readings = [], evidence }: VerifyOptions,
  bundle: Bundle | undefined,
  entry: AnchorEntry | undefined,
): JudgedAnchors {
  if (bundle === undefined || entry === undefined) return { reports: [], open: [] };
  const told = evidence === undefined ? [] : readingsIn(evidence.file, entry, evidence.now);
  return judgeAnchors(findings, { anchors: bundle.anchors, entry, readings: [...readings, ...told] });
}

function reportOf({ findings, trust, bundle, log, replayed, anchors }: Judged, artifacts: Report['artifacts']): Report {
  const failures: Failure[] = [...findings.failures];
  if (bundle !== undefined && trust === undefined) failures.push(noTrust);
  failures.push(...anchors.open);
  const isIntact = findings.areAllTrue && failures.length === 0;
  const guarantee = isIntact ? strongest(anchors.reports) : 'none';
  const claim = guarantee === 'external-immutable' ? 'tamper-evident' : 'tamper-detecting';
  return {
    ...(bundle === undefined ? {} : { runId: bundle.runId }),
    intact: isIntact,
    guarantee,
    claim,
    ...(failures[0] === undefined ? {} : { failure: failures[0].check }),
    failures,
    checks: findings.results,
    completeness: 'no-log',
    gaps: log?.records.filter(({ kind }) => kind === 'audit.gap').length ?? 0,
    humanTouched: replayed?.items.filter((item) => item.humanTouched === true).map(({ id }) => id) ?? [],
    artifacts,
    authorship: 'orchestrator-only',
    scope: 'whole',
    anchors: anchors.reports,
    time: 'asserted',
    ...(bundle === undefined ? {} : { signerKeyId: bundle.seal.verificationMaterial.publicKey.hint }),
    notProved: notProved[claim],
  };
}

const noTrust = {
  check: 'no-trust',
  path: 'seal.verificationMaterial.publicKey.hint',
  message: 'cannot be judged without a trust file',
} as const;

async function checkArtifactBytes(
  { findings, replayed }: Judged,
  fetch: VerifyOptions['artifacts'],
): Promise<Report['artifacts']> {
  if (replayed === undefined || fetch === undefined) return 'refs-only';
  const counts = { ok: 0, missing: 0, mismatch: 0 };
  for (const digest of new Set(replayed.artifacts.map(({ ref }) => digestOfRef(ref)))) {
    const state = await fetch(digest);
    counts[state] += 1;
    if (state === 'mismatch')
      findings.fail('artifacts', 'artifacts', `hold "${digest}", whose stored bytes are others`);
  }
  if (counts.mismatch > 0) return `mismatch:${counts.mismatch}`;
  return counts.missing > 0 ? `missing:${counts.missing}` : 'verified';
}

const ranks: readonly Guarantee[] = ['none', 'detect', 'external-immutable'];

function strongest(anchors: readonly AnchorReport[]): Guarantee {
  const rank = Math.max(0, ...anchors.map(({ guarantee }) => ranks.indexOf(guarantee)));
  return ranks[rank] ?? 'none';
}
