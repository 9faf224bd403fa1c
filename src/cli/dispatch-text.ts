import { formatDuration } from '../base/duration.ts';
import type { DispatchReport } from '../client/dispatch-report.ts';
import type { DispatchArtifact, DispatchRecord, DispatchShell } from '../contracts/dispatch.ts';
import type { Question } from '../contracts/question.ts';
import type { Usage } from '../contracts/task.ts';
import { columns } from './command-help.ts';
import { oneLine } from './one-line.ts';

type Ended = Pick<DispatchReport, 'dispatchId' | 'status' | 'artifacts' | 'durationMs'> &
  Partial<
    Pick<DispatchReport, 'exitCode' | 'failure' | 'question' | 'usage' | 'humanTouched' | 'leftOut' | 'redacted'>
  >;

/** How a dispatch ended, and what can be done now. */
export function verdictLines(ended: Ended): string[] {
  const { dispatchId, status, artifacts, durationMs, failure, question, usage } = ended;
  const exit = typeof ended.exitCode === 'number' ? `, exit code ${ended.exitCode}` : '';
  const verdict = status === 'waiting' ? 'asks' : status;
  const reason = failure === undefined ? '' : `: ${failure.code}: ${oneLine(failure.message, longestRow)}`;
  return [
    `dispatch ${dispatchId} ${verdict} after ${formatDuration(durationMs)}${exit}${reason}`,
    ...(usage === undefined ? [] : [`  used: ${usageText(usage)}`]),
    ...(ended.humanTouched === true ? ['  a person had a shell in its worktree'] : []),
    ...fewOf('left out', ended.leftOut ?? [], dispatchId),
    ...fewOf('blacked out a secret in', ended.redacted ?? [], dispatchId),
    ...(question === undefined ? [] : questionLines(question, artifacts)),
    ...nextSteps(dispatchId, status, artifacts),
  ];
}

/** The first of what was kept otherwise than it was made, and where the rest is told. */
function fewOf(what: string, lines: readonly string[], dispatchId: string): string[] {
  const rest = lines.length - mostLines;
  return [
    ...lines.slice(0, mostLines).map((line) => `  ${what}: ${oneLine(line, longestText)}`),
    ...(rest > 0 ? [`  ${what}: ${rest} more, see agora dispatch describe ${dispatchId}`] : []),
  ];
}

const mostLines = 5;

/** What it asks, as far as a screen has room, without what a terminal would act on: a subagent wrote it. */
function questionLines(
  { question, options = [], context }: Question,
  artifacts: readonly DispatchArtifact[],
): string[] {
  const texts = [question, ...options, ...(context === undefined ? [] : [textOf(context)])];
  const whole = artifacts.find(({ port }) => port === 'question');
  const isCut = texts.some((text) => text.length > longestText || text.includes('\n'));
  return [
    `  question: ${oneLine(question, longestText)}`,
    ...options.map((option, index) => `    ${index + 1}. ${oneLine(option, longestText)}`),
    ...(context === undefined ? [] : [`  context: ${oneLine(textOf(context), longestText)}`]),
    ...(isCut && whole !== undefined ? [`  all of it: agora artifact get ${whole.ref}`] : []),
  ];
}

/** Of a text that a subagent wrote. */
const longestText = 400;
/** Longer than any of ours. */
const longestRow = 2_000;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function nextSteps(
  dispatchId: string,
  status: DispatchRecord['status'],
  artifacts: readonly DispatchArtifact[],
): string[] {
  const patch = artifacts.find(({ port }) => port === 'patch');
  const log = artifacts.find(({ port }) => port === 'log');
  return [
    ...(status === 'waiting' ? [`  answer: agora dispatch answer ${dispatchId} <text>`] : []),
    ...(patch === undefined ? [] : [`  patch: agora artifact get ${patch.ref}`]),
    ...(status === 'failed' && log !== undefined ? [`  log: agora dispatch logs ${dispatchId}`] : []),
  ];
}

function usageText({ models, inputTokens, outputTokens, costUsd, turns }: Usage): string {
  return [
    models.join(', '),
    `${inputTokens} tokens in`,
    `${outputTokens} out`,
    ...(turns === undefined ? [] : [`${turns} turns`]),
    ...(costUsd === undefined ? [] : [`$${costUsd.toFixed(4)}`]),
  ].join(', ');
}

export function stageLines(stages: DispatchReport['stages']): string[] {
  const rows = Object.entries(stages).map(([stage, ms]) => [stage, `${ms.toFixed(1).padStart(9)} ms`] as const);
  return ['stages', ...columns(rows)];
}

/** A record for a person. */
export function recordLines(record: DispatchRecord, shells: readonly DispatchShell[]): string[] {
  const { work, resolved, result } = record;
  const pin = ({ name, digest }: { readonly name: string; readonly digest: string }) => `${name}@${digest}`;
  const { cpus, memoryMb, pids, diskMb, timeoutSeconds } = resolved.limits;
  const rows: (readonly [string, string | undefined])[] = [
    ['status', statusText(record)],
    ['run', record.run && `${record.run.runId}/${record.run.itemId}, attempt ${record.run.attempt}`],
    ['accepted', `${record.acceptedAt} by ${record.actor}`],
    ['started', record.startedAt],
    ['ended', record.endedAt],
    ['kept until', record.expiresAt],
    ['subagent', pin(resolved.subagent)],
    ...resolved.capabilities.map((capability) => ['capability', pin(capability)] as const),
    ...resolved.env.map((env) => ['env', pin(env)] as const),
    ['pipeline', resolved.pipeline && pin(resolved.pipeline)],
    ['secrets', resolved.secrets.join(', ') || undefined],
    ['runtime', resolved.model === undefined ? resolved.runtime : `${resolved.runtime}, model ${resolved.model}`],
    ['network', resolved.network],
    ['limits', `${cpus} cpus, ${memoryMb} MiB memory, ${pids} pids, ${diskMb} MiB disk, ${timeoutSeconds} s`],
    ['target', work.target],
    ['provider', record.provider],
    ['worker', record.providerId],
    ['image', record.image],
    ['resumes', record.resumes],
    ['answered by', record.answeredBy],
    ['cancelled', record.cancel && `${record.cancel.at} by ${record.cancel.actor}`],
    ['failure', result?.code && `${result.code}: ${result.message ?? ''}`],
    ['exit code', typeof result?.exitCode === 'number' ? String(result.exitCode) : undefined],
    ['took', result && formatDuration(result.durationMs)],
    ['used', result?.usage && usageText(result.usage)],
    ['said', result?.summary],
    ['human-touched', result?.humanTouched && 'a person had a shell in its worktree'],
    ...shells.map((shell) => ['shell', shellText(shell)] as const),
    ...(result?.artifacts ?? [])
      // The notes of those shells.
      .filter(({ port }) => port !== 'shell')
      .map(({ port, path, ref }) => [port, path === undefined ? ref : `${path}: ${ref}`] as const),
    ...(result?.leftOut ?? []).map((line) => ['left out', line] as const),
    ...(result?.redacted ?? []).map((line) => ['redacted', line] as const),
  ];
  // Paths, too, are what a subagent called them.
  const known = rows.flatMap(([name, text]) =>
    text === undefined ? [] : [[name, oneLine(text, longestRow)] as const],
  );
  const question =
    record.status === 'waiting' && result?.question ? questionLines(result.question, result.artifacts) : [];
  return [record.dispatchId, ...columns(known), ...question];
}

function shellText({ actor, openedAt, closedAt, recording }: DispatchShell): string {
  const time = closedAt === undefined ? `from ${openedAt}, open or cut off` : `${openedAt} to ${closedAt}`;
  return `${actor}, ${time}: ${recording ?? 'no recording'}`;
}

/** A question that was answered waits no more. */
export function statusText({ status, answeredBy }: Pick<DispatchRecord, 'status' | 'answeredBy'>): string {
  return status === 'waiting' && answeredBy !== undefined ? 'answered' : status;
}
