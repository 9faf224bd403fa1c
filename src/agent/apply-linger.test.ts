import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { Move } from '../reconcile/step.ts';
import { aDecision, aRunner, aStep, contextWith } from './suite-steps.ts';

/** An exchange whose stop ends when it is told to, and what was done meanwhile. */
function anExchange() {
  const log: string[] = [];
  const stopped = Promise.withResolvers<void>();
  const context = contextWith({
    stopContainer: (name, _grace, signal) => {
      log.push(`stop ${name}`);
      signal?.addEventListener('abort', () => stopped.reject(signal.reason));
      return stopped.promise;
    },
    renameContainer: async (name, to) => void log.push(`rename ${name} ${to}`),
    startContainer: async (name) => void log.push(`start ${name}`),
  });
  const moves: Move[] = [
    { do: 'stop', container: 'old', graceMs: 0 },
    { do: 'rename', container: 'new', to: 'web' },
    { do: 'start', container: 'web' },
  ];
  return { log, context, end: stopped.resolve, step: aStep('web', { kind: 'replace-workspace', moves }) };
}

test('what is being stopped when the round ends is brought back first, unless something newer decides about it', async () => {
  for (const isNewer of [false, true]) {
    const { runner, reports } = aRunner();
    const { log, context, end, step } = anExchange();
    const [round, newer] = [new AbortController(), new AbortController()];

    const applied = runner.apply(aDecision([step]), { ...context, hurry: newer.signal }, round.signal);
    await waitUntil('the stop', () => log.length > 0);
    round.abort();
    if (isNewer) newer.abort();
    else end();
    const { stopped } = await applied;

    assert.deepEqual(log, isNewer ? ['stop old'] : ['stop old', 'rename new web', 'start web']);
    assert.equal(reports.at(-1), isNewer ? 'web cancelled' : 'web done');
    assert.deepEqual([...stopped], ['old']);
  }
});

test('a container that takes its time to end holds up nothing but what needs it', async () => {
  let ended = 0;
  const { runner, reports, outcomes } = aRunner({ concurrency: 1, lingerMs: 1, onWorkEnded: () => ended++ });
  const { log, context, end, step } = anExchange();
  const { signal } = new AbortController();

  const { lingering } = await runner.apply(aDecision([step, aStep('a', { after: [0] }), aStep('b')]), context, signal);
  const before = { log: [...log], reports: [...reports], busy: [...runner.busy.values()], ended };
  end();
  await waitUntil('its end', () => ended === 1);

  assert.deepEqual([...lingering], [step]);
  assert.deepEqual(before.busy, [step]);
  assert.deepEqual(before.log, ['stop old', 'start b']);
  assert.ok(before.reports.includes('b done') && !before.reports.includes('a running'));
  assert.equal(before.ended, 0);
  assert.deepEqual(log.slice(2), ['rename new web', 'start web']);
  assert.deepEqual(outcomes.at(-1), ['web', { is: 'done', imageId: undefined }]);
  assert.equal(runner.busy.size, 0);
});

test('what goes on after its round is waited for once its signal came, until nothing is down', async () => {
  const { runner, reports } = aRunner({ lingerMs: 1 });
  const { log, context, end, step } = anExchange();
  const round = new AbortController();
  await runner.apply(aDecision([step]), { ...context, hurry: new AbortController().signal }, round.signal);

  await runner.endCut();
  const isBusyUncut = runner.busy.size === 1;
  round.abort();
  const cut = runner.endCut();
  end();
  await cut;

  assert.ok(isBusyUncut);
  assert.deepEqual(log, ['stop old', 'rename new web', 'start web']);
  assert.equal(runner.busy.size, 0);
  await runner.close();
  assert.equal(reports.at(-1), 'web done');
});
