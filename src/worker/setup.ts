import { join } from 'node:path';
import type { BlockResult, TaskSpec } from '../contracts/task.ts';
import type { Job } from './job.ts';
import type { Outcome } from './outcome.ts';
import { type ProgramEnd, runProgram } from './run-program.ts';
import { scriptFailure } from './script-outcome.ts';
import { subagentEnvironment } from './subagent-environment.ts';

type SetupScript = TaskSpec['setup'][number];

const withBash = 'command -v bash >/dev/null 2>&1 && exec bash "$0"; exec sh "$0"';

export interface SetupEnd {
  readonly blocks: readonly BlockResult[];
  /** Set when one of them failed; those after it did not run. */
  readonly failure?: Outcome;
}

/** Runs the setup scripts of the capabilities in their order, as the subagent would; all together have one deadline. */
export async function runSetup(job: Job): Promise<SetupEnd> {
  const { setup, setupTimeoutSeconds } = job.spec;
  const endsAt = performance.now() + setupTimeoutSeconds * 1000;
  const blocks: BlockResult[] = [];
  for (const script of setup) {
    const startedAt = performance.now();
    const { failure, exitCode } = await runScript(job, script, Math.max(0, endsAt - startedAt));
    const durationMs = performance.now() - startedAt;
    blocks.push({ kind: 'setup', name: script.capability, passed: failure === undefined, exitCode, durationMs });
    if (failure !== undefined) return { blocks, failure };
  }
  return { blocks };
}

async function runScript(job: Job, { capability, path }: SetupScript, ownMs: number) {
  const { place, spec, secrets } = job;
  const env = subagentEnvironment(place, spec, secrets);
  const command = ['/bin/sh', '-c', withBash, join(place.view.workspace, path)];
  const end = await runProgram(job, { command, env, ownMs });
  return {
    failure: setupFailure(job, capability, end),
    exitCode: end.kind === 'ended' ? end.evidence.exit.exitCode : null,
  };
}

/** Whatever ended it, the setup is what failed; a stop stays one. */
function setupFailure({ spec }: Job, capability: string, end: ProgramEnd): Outcome | undefined {
  const subject = `The setup script of capability "${capability}"`;
  const outcome = scriptFailure(end, {
    limits: spec.limits,
    subject,
    ownSeconds: spec.setupTimeoutSeconds,
    failure: 'setup-failed',
  });
  return outcome?.outcome === 'failed' ? { ...outcome, failure: 'setup-failed' } : outcome;
}
