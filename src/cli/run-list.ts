import { mapAhead } from '../base/map-ahead.ts';
import type { RunId } from '../contracts/ids.ts';
import type { RunStatus } from '../contracts/run.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';
import { readRunState } from './run-state.ts';

/** Runs looked up at once: each takes a few questions, and over a network most of it is waiting. */
const rowsAtOnce = 8;

interface RunRow {
  readonly runId: RunId;
  readonly status: RunStatus;
  readonly done: number;
  readonly items: number;
  /** When it last changed; absent while it waits for the daemon. */
  readonly at?: string;
}

/** One line per run: id, status, items done of all, last change, between tabs; or JSON. */
export async function printRuns(
  transport: MailboxSubmissionTransport,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
  isJson: boolean,
): Promise<void> {
  const runIds = await transport.runIds();
  const rows: RunRow[] = [];
  for await (const row of mapAhead(runIds, rowsAtOnce, (runId) => runRow(transport, runId))) rows.push(row);
  if (isJson) await say(stdout, JSON.stringify(rows, undefined, 2));
  else if (rows.length === 0) await say(stderr, 'agora: there are no runs yet');
  else for (const row of rows) await say(stdout, runLine(row));
}

async function runRow(transport: MailboxSubmissionTransport, runId: RunId): Promise<RunRow> {
  const state = await readRunState(transport, runId);
  if (state === undefined) {
    const rejected = await transport.rejected(runId);
    if (rejected === undefined) return { runId, status: 'queued', done: 0, items: 0 };
    return { runId, status: 'rejected', done: 0, items: 0, at: rejected.rejectedAt };
  }
  const items = [...state.items.values()];
  const done = items.filter((item) => item.status === 'done').length;
  return { runId, status: state.record.status, done, items: items.length, at: state.record.at };
}

function runLine(row: RunRow): string {
  return [row.runId, row.status, `${row.done}/${row.items}`, row.at ?? ''].join('\t').trimEnd();
}
