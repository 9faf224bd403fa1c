import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { outcomeOf, type RunEvidence } from './outcome.ts';
import { captureFailure, captureProblem, prepareFailure } from './stage-failure.ts';
import type { SubagentExit } from './subagent.ts';
import { someLimits } from './worker-under-test.ts';

const mebibyte = 1024 * 1024;

function evidence({
  exit,
  ...rest
}: Partial<Omit<RunEvidence, 'exit'>> & { exit?: Partial<SubagentExit> }): RunEvidence {
  return {
    exit: { exitCode: 0, signal: null, isOutOfProcesses: false, ...exit },
    ending: undefined,
    memoryKills: 0,
    refusedForks: 0,
    diskBytes: 0,
    ...rest,
  };
}

const full = someLimits.diskMb * mebibyte;
const cases: readonly {
  readonly when: string;
  readonly evidence: RunEvidence;
  readonly failure: string | undefined;
}[] = [
  { when: 'it exits with 0', evidence: evidence({}), failure: undefined },
  { when: 'it exits with 3', evidence: evidence({ exit: { exitCode: 3 } }), failure: 'exit-nonzero' },
  {
    when: 'it is killed',
    evidence: evidence({ exit: { exitCode: null, signal: 'SIGSEGV' } }),
    failure: 'exit-nonzero',
  },
  { when: 'its time is over', evidence: evidence({ ending: 'timeout' }), failure: 'timeout' },
  { when: 'it printed too much', evidence: evidence({ ending: 'output-limit' }), failure: 'output-limit' },
  { when: 'it filled the disk', evidence: evidence({ ending: 'disk-limit' }), failure: 'disk-limit' },
  { when: 'it succeeded on too much disk', evidence: evidence({ diskBytes: full + 1 }), failure: 'disk-limit' },
  { when: 'it succeeded on just enough disk', evidence: evidence({ diskBytes: full }), failure: undefined },
  { when: 'one file grew too big', evidence: evidence({ exit: { exitCode: 153 } }), failure: 'disk-limit' },
  {
    when: 'it failed on a full disk',
    evidence: evidence({ exit: { exitCode: 1 }, diskBytes: full }),
    failure: 'disk-limit',
  },
  { when: 'memory ran out', evidence: evidence({ exit: { exitCode: 137 }, memoryKills: 1 }), failure: 'memory-limit' },
  { when: 'it went on without a killed child', evidence: evidence({ memoryKills: 1 }), failure: undefined },
  { when: 'forks were refused', evidence: evidence({ exit: { exitCode: 2 }, refusedForks: 9 }), failure: 'pids-limit' },
  {
    when: 'its processes fill the limit',
    evidence: evidence({ exit: { exitCode: 2, isOutOfProcesses: true } }),
    failure: 'pids-limit',
  },
  {
    when: 'the sandbox failed',
    evidence: evidence({ exit: { exitCode: 1, startError: 'sandbox' } }),
    failure: 'refused',
  },
];

for (const { when, evidence, failure } of cases) {
  test(`a run counts as ${failure ?? 'done'} when ${when}`, () => {
    const outcome = outcomeOf(evidence, someLimits);

    assert.equal(outcome.outcome, failure === undefined ? 'done' : 'failed');
    assert.equal(outcome.failure, failure);
  });
}

test('a run that was asked to stop is stopped, however it ended then', () => {
  const outcome = outcomeOf(evidence({ ending: 'stopped', exit: { exitCode: 143 }, diskBytes: full * 2 }), someLimits);

  assert.deepEqual(outcome, { outcome: 'stopped', exitCode: 143, signal: null });
});

test('files that do not fit are a disk limit, any other failure to lay them out is an integrity failure', () => {
  const tooBig = new AppError('limit-exceeded', 'Cannot lay out the worktree: more than 1 bytes');

  assert.equal(prepareFailure(tooBig, someLimits).failure, 'disk-limit');
  assert.equal(prepareFailure(new Error('broken tar'), someLimits).failure, 'integrity');
});

test('a failed capture takes nothing back of how the run failed', () => {
  const failed = { outcome: 'failed', failure: 'timeout', exitCode: null, signal: 'SIGKILL' } as const;
  const done = { outcome: 'done', exitCode: 0, signal: null } as const;
  const tooBig = new AppError('limit-exceeded', 'Cannot read "git diff-index": more than 1 bytes');
  const problem = captureProblem(tooBig, someLimits);

  assert.equal(captureFailure(failed, problem), failed);
  assert.equal(captureFailure(done, problem).failure, 'output-limit');
  assert.equal(captureProblem(new Error('git'), someLimits).failure, 'no-result');
});

test('a capture that the kernel killed for memory says how much it had', () => {
  assert.deepEqual(captureProblem(new Error('git'), someLimits, 1), {
    failure: 'memory-limit',
    message: 'Making the patch needed more than 256 MiB of memory',
  });
});

test('a stage that reached its deadline is a timeout, one that was stopped is a stop', () => {
  const done = { outcome: 'done', exitCode: 0, signal: null } as const;
  const late = new DOMException('late', 'TimeoutError');
  const stopped = new AppError('interrupted', 'Cannot capture the work: stopped');

  assert.equal(prepareFailure(late, someLimits).failure, 'timeout');
  assert.equal(captureProblem(late, someLimits).failure, 'timeout');
  assert.equal(captureFailure(done, captureProblem(stopped, someLimits)).outcome, 'stopped');
});
