import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { providerPlaces } from '../support/provider-place.ts';
import {
  artifactText,
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  patience,
  seen,
  shellProject,
  statusesOf,
  submit,
  watched,
} from '../support/shell-project.ts';

/** Writes half of its work and asks; with the answer it writes the rest. */
const asking = [
  'set -e',
  'if [ -f .agora/answer.json ]; then cp .agora/answer.json "$AGORA_OUTPUT_DIR/answer.json"; echo rest >> work.txt; exit 0; fi',
  'echo half > work.txt',
  'mkdir -p .agora',
  `printf '{"question":"Which colour?","options":["red","blue"],"context":{"file":"work.txt"},"partial_state":{"at":7}}' > .agora/needs_input.json`,
].join('\n');

for (const place of await providerPlaces()) {
  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('an item that asks waits without slot or lock, and goes on with the answer and what it had done', async (t) => {
      const project = await shellProject(t, place.compute, { concurrency: 1, source: { 'shared.txt': 'shared\n' } });
      await project.serve();
      const runId = await submit(project, 'asks', [
        item('ask', asking, { resourceLocks: ['work.txt'], priority: 1 }),
        item('other', 'echo other > other.txt', { resourceLocks: ['work.txt'] }),
        item('after', 'cat work.txt > seen.txt', { depends_on: ['ask'] }),
      ]);
      const watching = project.start('agora', ['orch', 'watch', runId]);

      const waiting = await seen(project, runId, 'ask', ({ status }) => status === 'waiting');
      await seen(project, runId, 'other', ({ status }) => status === 'done');
      await waitUntil('the run to rest', async () => (await statusesOf(project, runId)).at(-1)?.status === 'waiting');
      const shown = await project.agora(['orch', 'status', runId]);
      const refused = await project.agora(['orch', 'answer', runId, 'ask', '--option', '3']);
      const answered = await project.agora(['orch', 'answer', runId, 'as', '--option', '2', '--actor', 'human:mara']);
      const late = await project.agora(['orch', 'answer', runId, 'ask', 'green']);
      const watch = await watching.finished;
      const lateWatch = await project.agora(['orch', 'watch', runId]);
      const ended = await watched(project, runId);

      assert.deepEqual(waiting.blockedBy, ['answer']);
      assert.equal(waiting.question?.question, 'Which colour?');
      assert.deepEqual(waiting.question?.options, ['red', 'blue']);
      assert.match(shown.stdout, /Which colour\?\n +1\) red\n +2\) blue\n/);
      assert.match(shown.stdout, /answer: agora orch answer asks ask --option <n>/);
      assert.equal(refused.code, 2, refused.stderr);
      assert.equal(answered.code, 0, answered.stderr);
      assert.equal(late.code, 1, late.stderr);
      assert.equal(watch.stderr.match(/waits for an answer/g)?.length, 1, watch.stderr);
      assert.doesNotMatch(lateWatch.stderr, /waits for an answer/);
      assert.deepEqual(ended.statuses, { ask: 'done', other: 'done', after: 'done' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(outcomes(bundle, 'ask'), [
        ['needs-input', undefined, 0],
        ['done', undefined, 0],
      ]);
      const patch = await artifactText(project, bundle, { item: 'ask' });
      assert.match(patch, /^\+half\n\+rest$/m);
      const handedOver = JSON.parse(await artifactText(project, bundle, { item: 'ask', path: 'answer.json' }));
      const { at: _, ...given } = handedOver;
      assert.deepEqual(given, {
        question: 'Which colour?',
        answer: 'blue',
        partial_state: { at: 7 },
        actor: 'human:mara',
      });
      assert.match(await artifactText(project, bundle, { item: 'after' }), /^\+half\n\+rest$/m);
      const [first, second] = [await dispatchOf(project, runId, 'ask'), await dispatchOf(project, runId, 'ask', 2)];
      const describe = async (id: string) =>
        JSON.parse((await project.agora(['dispatch', 'describe', id, '--json'])).stdout);
      assert.deepEqual([(await describe(first)).status, (await describe(first)).answeredBy], ['waiting', second]);
      assert.deepEqual([(await describe(second)).status, (await describe(second)).resumes], ['done', first]);
    });

    test('a waiting item outlives its daemon, is told of twice answered, and can be cancelled', async (t) => {
      const project = await shellProject(t, place.compute, { concurrency: 2 });
      const first = await project.serve();
      const runId = await submit(project, 'waits', [item('kept', asking), item('dropped', asking)]);
      await seen(project, runId, 'kept', ({ status }) => status === 'waiting');
      await seen(project, runId, 'dropped', ({ status }) => status === 'waiting');
      first.child.kill('SIGKILL');
      await first.finished;
      const unheard = await project.agora(['orch', 'answer', runId, 'kept', 'red', '--actor', 'human:first']);
      const second = await project.agora(['orch', 'answer', runId, 'kept', 'blue', '--actor', 'human:second']);
      const daemon = await project.serve();
      await seen(project, runId, 'kept', ({ status }) => status === 'done');
      const cancelled = await project.agora(['orch', 'cancel', runId, 'dropped']);
      const ended = await watched(project, runId);

      assert.equal(unheard.code, 0, unheard.stderr);
      assert.equal(second.code, 0, second.stderr);
      assert.equal(cancelled.code, 0, cancelled.stderr);
      assert.deepEqual(ended.statuses, { kept: 'done', dropped: 'cancelled' });
      await waitUntil(
        'the second answer to be told',
        () => /answer of human:second to "kept" is not taken: human:first was first/.test(daemon.stderr()),
        patience,
      );
      const bundle = await intactBundle(project, runId);
      assert.equal(bundle.auditLog.entries.filter(({ kind }) => kind === 'item.answered').length, 1);
    });

    test('an answer to a question whose ground has moved fails as a conflict, and says so', async (t) => {
      const project = await shellProject(t, place.compute, { concurrency: 1, source: { 'work.txt': 'ground\n' } });
      await project.serve();
      const runId = await submit(project, 'moved', [
        item('ask', asking, { resourceLocks: ['work.txt'], priority: 1 }),
        item('mover', 'echo moved > work.txt', { resourceLocks: ['work.txt'] }),
      ]);
      await seen(project, runId, 'mover', ({ status }) => status === 'done');

      const answered = await project.agora(['orch', 'answer', runId, 'ask', '--json', '{"colour":"red"}']);
      const ended = await watched(project, runId);

      assert.equal(answered.code, 0, answered.stderr);
      assert.deepEqual(ended.statuses, { ask: 'failed', mover: 'done' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(
        outcomes(bundle, 'ask').map((outcome) => outcome.slice(0, 2)),
        [
          ['needs-input', undefined],
          ['failed', 'patch-conflict'],
        ],
      );
    });
  });
}
