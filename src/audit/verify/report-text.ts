import {
  type AnchorReport,
  type CheckName,
  type CheckResult,
  checkNames,
  type Failure,
  isUndecided,
  type Report,
} from './report.ts';

const meanings: Readonly<Record<CheckName, string>> = {
  parse: 'the bundle is one unambiguous JSON text of the known form',
  records: 'every record belongs to this run and follows the one before it',
  root: 'the records make the tree whose root is named',
  seal: 'a trusted key signed this root, plan and outcome',
  plan: 'the plan is the one that was submitted',
  manifests: 'each attempt has its manifest, and nothing came from elsewhere',
  items: 'what is said of the items is what the records show',
  artifacts: 'the artifacts listed are those the records name',
  anchors: 'each anchor is for this root and this seal, and shows nothing else',
};

// A hundred broken records have one cause; the first lines show it.
const shownFailures = 10;
const shownItems = 10;

/** A report for a person, one line per row. */
export function reportText(report: Report): string {
  const lines = [
    `Run ${report.runId ?? '(unreadable)'}: ${verdictOf(report)}`,
    '',
    ...checkNames.map((name) => `  ${signOf(report.checks[name])}  ${name.padEnd(10)} ${meanings[name]}`),
    '',
    ...report.failures.slice(0, shownFailures).map(failureText),
    ...(report.failures.length > shownFailures ? [`  and ${report.failures.length - shownFailures} more`] : []),
    ...(report.failures.length > 0 ? [''] : []),
    `  guarantee  ${report.guarantee}`,
    ...report.anchors.map((anchor) => `  anchor     ${anchorText(anchor)}`),
    // Of a bundle that could not be read, nothing more can be said.
    ...(report.checks.parse === true ? recordedRows(report) : []),
    `  signer     ${report.signerKeyId ?? 'unknown'}`,
    '',
    report.notProved,
  ];
  return `${lines.join('\n')}\n`;
}

function recordedRows({ artifacts, gaps, humanTouched }: Report): string[] {
  return [
    `  artifacts  ${artifactsText(artifacts)}`,
    `  gaps       ${gaps === 0 ? 'none recorded' : `${gaps} recorded`}`,
    ...(humanTouched.length === 0 ? [] : [`  hands      a person had a shell in ${listed(humanTouched)}`]),
  ];
}

function listed(ids: readonly string[]): string {
  const more = ids.length > shownItems ? ` and ${ids.length - shownItems} more` : '';
  return `the worktree of ${ids.slice(0, shownItems).join(', ')}${more}`;
}

function verdictOf(report: Report): string {
  if (report.intact) return `INTACT, ${report.claim}`;
  if (isUndecided(report.failure)) return `NOT DECIDED, ${undecidedBecause[report.failure]}`;
  if (report.failure === 'anchor-conflict')
    return 'NOT INTACT. An anchor shows something else under the name of this run';
  return 'NOT INTACT. This bundle is not what was sealed, or not by a key you trust';
}

const undecidedBecause = {
  'no-trust': 'no trust file says whose seals to believe',
  'anchor-missing': 'an anchor does not hold what it should',
  'anchor-unreachable': 'an anchor could not be asked',
} as const;

function anchorText({ id, state, guarantee, lockedUntil, because }: AnchorReport): string {
  if (lockedUntil !== undefined) return `${id}: held, nobody can remove it before ${lockedUntil}`;
  // Where it earns nothing, the reason is among the failures.
  const why = because === undefined || guarantee === 'none' ? '' : `, ${because}`;
  return `${id}: ${state.replace('-', ' ')}${why}`;
}

function signOf(result: CheckResult): string {
  return result === 'n/a' ? 'n/a ' : result ? 'ok  ' : 'FAIL';
}

function failureText({ check, path, message }: Failure): string {
  return `  ${check}: ${path === '' ? 'the text' : path} ${message}`;
}

function artifactsText(artifacts: Report['artifacts']): string {
  if (artifacts === 'verified') return 'all bytes were fetched and have their digests';
  if (artifacts === 'refs-only') return 'bytes not looked at, only their digests compared';
  const [state, count] = artifacts.split(':');
  return state === 'missing' ? `${count} not found, the others have their digests` : `${count} HAVE OTHER BYTES`;
}
