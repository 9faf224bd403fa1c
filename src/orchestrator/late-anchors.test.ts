import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { type RunId, runIdSchema } from '../contracts/ids.ts';
import { LateAnchors } from './late-anchors.ts';

const [first, second, third] = ['run-1', 'run-2', 'run-3'].map((id) => runIdSchema.parse(id)) as [RunId, RunId, RunId];

/** Tries runs as `settle` says; `tried` fills while it goes on. */
function tried(t: TestContext, settle: (runId: RunId, unreachable: ReadonlySet<string>) => readonly string[]) {
  const stop = new AbortController();
  const tries: RunId[] = [];
  const problems: RunId[] = [];
  const late = new LateAnchors({
    settle: async (runId, unreachable) => {
      tries.push(runId);
      return settle(runId, unreachable);
    },
    onProblem: (runId) => void problems.push(runId),
    signal: stop.signal,
  });
  t.after(async () => {
    stop.abort();
    await late.ended();
  });
  return { late, tries, problems };
}

test('a run that waits for one anchor keeps none from another, and none is tried in vain twice', async (t) => {
  const { late, tries } = tried(t, (runId) => (runId === second ? [] : ['s3:away']));

  late.add(first, ['s3:away']);
  late.add(third, ['s3:away']);
  late.add(second, ['s3:there']);
  await waitUntil('the second', () => tries.includes(second));

  assert.deepEqual(tries, [first, second]);
});

test('of anchors that are away a run is told whose log was not read yet', async (t) => {
  const told: string[][] = [];
  const { late } = tried(t, (_, unreachable) => {
    told.push([...unreachable]);
    return ['s3:away'];
  });

  for (const runId of [first, second]) late.add(runId);
  await waitUntil('both', () => told.length === 2);

  assert.deepEqual(told, [[], ['s3:away']]);
});

test('a run that fails for a reason of its own holds up no other', async (t) => {
  const { late, tries, problems } = tried(t, (runId) => {
    if (runId === first) throw new AppError('state-corrupt', 'Cannot read the log: it is damaged');
    return [];
  });

  for (const runId of [first, second, third]) late.add(runId);
  await waitUntil('the others', () => tries.includes(third));

  assert.deepEqual([tries, problems], [[first, second, third], [first]]);
});
