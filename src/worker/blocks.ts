import type { Block } from '../contracts/pipeline.ts';
import type { BlockResult, TaskResult, TaskSpec, Usage } from '../contracts/task.ts';
import { type AgentEnd, runAgent } from './agent-block.ts';
import type { KeptWork } from './capture.ts';
import { complain, type Job } from './job.ts';
import { type CaptureKind, KeptParts } from './kept-parts.ts';
import type { Outcome } from './outcome.ts';
import { runProgram } from './run-program.ts';
import { scriptFailure } from './script-outcome.ts';
import { runFailure } from './stage-failure.ts';
import { subagentEnvironment } from './subagent-environment.ts';
import { addUsage } from './usage.ts';

/** What became of the blocks of a task, and of the work they made. */
export interface BlocksEnd extends Pick<TaskResult, 'usage' | 'summary' | 'sessionId' | 'blocks'> {
  readonly outcome: Outcome;
  readonly kept: KeptWork;
}

/** How one block ended. */
interface BlockEnd {
  readonly outcome: Outcome;
  /** What the result says of it. Default: by the outcome. */
  readonly passed?: boolean;
  readonly exitCode?: number | null;
  readonly agent?: AgentEnd;
}

/** Something may still write to the worktree; nothing of it can be kept. */
class Uncontrolled extends Error {}

/** Everything before the first block went well. */
const begun: Outcome = { outcome: 'done', exitCode: null, signal: null };

/**
 * Does the blocks of a task in their order, until one of them ends it. Then whatever no block had kept yet is kept: a
 * failure loses no work.
 */
export async function runBlocks(job: Job): Promise<BlocksEnd> {
  const kept = new KeptParts(job);
  const blocks: BlockResult[] = [];
  let outcome = begun;
  let agent: Omit<AgentEnd, 'outcome'> = {};
  let usage: Usage | undefined;
  try {
    for (const block of job.spec.blocks) {
      if (job.stop.aborted || job.abandoned.aborted) outcome = { ...outcome, outcome: 'stopped' };
      if (outcome.outcome !== 'done') break;
      const startedAt = performance.now();
      const end = await runBlock(job, block, { outcome, kept });
      blocks.push(blockResult(block, end, performance.now() - startedAt));
      outcome = end.outcome;
      if (end.agent) agent = end.agent;
      usage = addUsage(usage, end.agent?.usage);
    }
    if (outcome.outcome !== 'done') outcome = await kept.keepRest(outcome);
  } catch (error) {
    if (!(error instanceof Uncontrolled)) throw error;
    outcome = runFailure(error.cause);
  }
  const { summary, sessionId, leftOut = [] } = agent;
  return {
    outcome,
    kept: { ...kept.all, leftOut: [...leftOut, ...kept.all.leftOut] },
    blocks,
    ...(usage && { usage }),
    ...(summary && { summary }),
    ...(sessionId && { sessionId }),
  };
}

interface SoFar {
  readonly outcome: Outcome;
  readonly kept: KeptParts;
}

async function runBlock(job: Job, block: Block, soFar: SoFar): Promise<BlockEnd> {
  if (block.kind === 'capture') return { outcome: await soFar.kept.keep(block.what, soFar.outcome) };
  return job.times.during('run', async () => {
    try {
      return block.kind === 'agent' ? await agentBlock(job) : await scriptBlock(job, block, soFar.outcome);
    } catch (cause) {
      complain(job.redactor, 'run the command', cause);
      throw new Uncontrolled('a program could not be followed', { cause });
    }
  });
}

async function agentBlock(job: Job): Promise<BlockEnd> {
  const agent = await runAgent(job);
  const isPassed = agent.outcome.outcome === 'done' || agent.outcome.outcome === 'needs-input';
  return { outcome: agent.outcome, passed: isPassed, exitCode: agent.outcome.exitCode, agent };
}

/** A gate that fails ends the dispatch; a verification is only told of. */
async function scriptBlock(job: Job, block: Extract<Block, { kind: 'script' }>, before: Outcome): Promise<BlockEnd> {
  const { place, spec, secrets } = job;
  const env = subagentEnvironment(place, spec, secrets);
  const end = await runProgram(job, { command: block.command, env, ownMs: block.timeoutSeconds * 1000 });
  const failure = scriptFailure(end, {
    limits: spec.limits,
    subject: `The ${block.lens} script`,
    ownSeconds: block.timeoutSeconds,
    failure: 'gate-failed',
  });
  const exitCode = end.kind === 'ended' ? end.evidence.exit.exitCode : null;
  const endsAll = failure !== undefined && (block.lens === 'gate' || failure.outcome === 'stopped');
  return { outcome: endsAll ? failure : before, passed: failure === undefined, exitCode };
}

function blockResult(block: Block, { outcome, passed, exitCode }: BlockEnd, durationMs: number): BlockResult {
  const name = nameOf(block);
  return {
    kind: block.kind,
    ...(name !== undefined && { name }),
    passed: passed ?? outcome.outcome === 'done',
    ...(exitCode !== undefined && { exitCode }),
    durationMs,
  };
}

function nameOf(block: TaskSpec['blocks'][number]): CaptureKind | 'gate' | 'verify' | undefined {
  if (block.kind === 'capture') return block.what;
  return block.kind === 'script' ? block.lens : undefined;
}
