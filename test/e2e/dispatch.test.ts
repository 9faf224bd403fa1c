import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { containersOf, describeDispatch, runScript, stagedSecrets, startScript } from '../support/dispatches.ts';
import { engineForTests } from '../support/engine.ts';
import { printed, providerPlaces } from '../support/provider-place.ts';
import { shellProject } from '../support/shell-project.ts';

const { engine } = await engineForTests();
const gone = { timeoutMs: 5_000, intervalMs: 20 };

for (const place of await providerPlaces()) {
  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('a dispatch tells what it does, gives its result as JSON and leaves nothing of its worker', async (t) => {
      const project = await shellProject(t, place.compute);
      const script = 'echo to-stdout; echo to-stderr >&2; echo new > new.txt; test "$(printf %s "$KEY" | wc -c)" = 12';

      const run = await runScript(project, script, ['--secret', 'KEY=inline:opensesame-1', '--trace']).finished;

      assert.equal(run.code, 0, run.stderr);
      const result = JSON.parse(run.stdout);
      assert.match(
        run.stderr,
        /^dispatch d-[a-z2-7]{26} accepted\nruntime command, network none\n(container|worker) d-/m,
      );
      assert.match(run.stderr, /to-stdout/);
      assert.match(run.stderr, /to-stderr/);
      assert.match(run.stderr, /^dispatch d-\S+ done after .*, exit code 0\n {2}patch: agora artifact get agora:/m);
      assert.match(run.stderr, /^stages\n( {2}\S.* ms\n)+$/m);
      assert.deepEqual([result.status, result.exitCode], ['done', 0]);
      assert.ok(result.stages.start === undefined || result.stages.start > 0);
      const patch = await project.agora(['artifact', 'get', result.artifacts[0].ref]);
      assert.match(patch.stdout, /^\+new$/m);
      assert.deepEqual(await stagedSecrets(project), []);
      if (engine && place.name === 'docker') assert.deepEqual(await containersOf(project, engine), []);
      const record = await describeDispatch(project, result.dispatchId);
      assert.deepEqual(record.resolved.secrets, ['KEY']);
      assert.equal(JSON.stringify(record).includes('opensesame-1'), false);
    });

    test('a dispatch that fails exits 1 and says why', async (t) => {
      const project = await shellProject(t, place.compute);

      const run = await runScript(project, 'echo half > half.txt; exit 3').finished;

      assert.equal(run.code, 1, run.stderr);
      const { status, failure, artifacts } = JSON.parse(run.stdout);
      assert.deepEqual([status, failure.code], ['failed', 'exit-nonzero']);
      assert.ok(artifacts.some(({ port }: { port: string }) => port === 'patch'));
      assert.match(run.stderr, /failed after .*: exit-nonzero: /);
    });

    test('a secret that cannot be had fails the dispatch before it starts, and names it', async (t) => {
      const project = await shellProject(t, place.compute);

      const run = await runScript(project, 'true', ['--secret', 'KEY=env:NOWHERE_TO_BE_FOUND']).finished;

      assert.equal(run.code, 1, run.stderr);
      const { failure } = JSON.parse(run.stdout);
      assert.equal(failure.code, 'secret-missing');
      assert.match(failure.message, /"KEY": cannot resolve secret "env:NOWHERE_TO_BE_FOUND": /);
    });

    test('cancelled from another process it stops, keeps what it had written and says so', async (t) => {
      const project = await shellProject(t, place.compute);
      const running = await startScript(project, 'echo part > part.txt; echo begun; sleep 60');
      await printed(place, project, running.dispatchId, 'begun');

      const cancel = await project.agora([
        'dispatch',
        'cancel',
        running.dispatchId.slice(0, 10),
        '--actor',
        'human:mara',
      ]);

      const run = await running.finished;
      assert.equal(cancel.code, 0, cancel.stderr);
      assert.match(
        cancel.stderr,
        /was cancelled: its worker is stopped and removed; what it had written: agora artifact/,
      );
      assert.equal(run.code, 1, run.stderr);
      const { status, artifacts } = JSON.parse(run.stdout);
      assert.equal(status, 'cancelled');
      assert.ok(artifacts.some(({ port }: { port: string }) => port === 'patch'));
      const record = await describeDispatch(project, running.dispatchId);
      assert.deepEqual([record.status, record.cancel?.actor], ['cancelled', 'human:mara']);
      const again = await project.agora(['dispatch', 'cancel', running.dispatchId]);
      assert.equal(again.code, 0);
      assert.match(again.stderr, /had ended already: cancelled/);
    });

    test('an interrupt cancels it', async (t) => {
      const project = await shellProject(t, place.compute);
      const running = await startScript(project, 'echo part > part.txt; echo begun; sleep 60');
      await printed(place, project, running.dispatchId, 'begun');

      running.child.kill('SIGINT');

      const { code, stdout } = await running.finished;
      assert.equal(code, 130);
      assert.equal(JSON.parse(stdout).status, 'cancelled');
      assert.equal((await describeDispatch(project, running.dispatchId)).status, 'cancelled');
    });

    test('what it prints is followed from another process to its end, and read again afterwards', async (t) => {
      const project = await shellProject(t, place.compute);
      const running = await startScript(project, 'for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; echo last >&2');

      const followed = await project.agora(['dispatch', 'logs', running.dispatchId, '-f']);
      await running.finished;
      const stored = await project.agora(['dispatch', 'logs', running.dispatchId, '--tail', '2', '--timestamps']);

      assert.equal(followed.code, 0, followed.stderr);
      const lines = ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'last'];
      assert.deepEqual(followed.stdout.trimEnd().split('\n'), lines);
      assert.match(stored.stdout, /^\S+Z line 5\n\S+Z last\n$/);
    });

    test('of two answers at once one goes on with the work, the other is told', async (t) => {
      const project = await shellProject(t, place.compute);
      const asking = [
        'if [ -f .agora/answer.json ]; then cat .agora/answer.json > "$AGORA_OUTPUT_DIR/answer.json"; echo rest >> work.txt; exit; fi',
        'echo half > work.txt; mkdir -p .agora',
        `printf '{"question":"Which?","options":["red","blue"],"partial_state":{"at":7}}' > .agora/needs_input.json`,
      ].join('\n');
      const run = await runScript(project, asking, ['--secret', 'KEY=inline:opensesame-1']).finished;
      const asked = JSON.parse(run.stdout);
      const answerWith = (option: string) =>
        project.agora(['dispatch', 'answer', asked.dispatchId, '--option', option]);

      const answers = await Promise.all([answerWith('1'), answerWith('2')]);

      assert.equal(run.code, 1, run.stderr);
      assert.equal(asked.status, 'waiting');
      assert.match(run.stderr, /question: Which\?\n {4}1\. red\n {4}2\. blue\n {2}answer: agora dispatch answer/);
      assert.deepEqual(answers.map(({ code }) => code).sort(), [0, 1], answers.map(({ stderr }) => stderr).join());
      const [won, lost] = answers[0]?.code === 0 ? answers : answers.toReversed();
      assert.match(lost?.stderr ?? '', /it was answered already, by dispatch d-/);
      const result = JSON.parse(won?.stdout ?? '');
      const patch = await project.agora(['artifact', 'get', result.artifacts[0].ref]);
      assert.match(patch.stdout, /^\+half\n\+rest$/m);
      const [before, after] = [
        await describeDispatch(project, asked.dispatchId),
        await describeDispatch(project, result.dispatchId),
      ];
      assert.deepEqual([before.answeredBy, after.resumes], [result.dispatchId, asked.dispatchId]);
      assert.deepEqual(after.answer?.partial_state, { at: 7 });
      assert.deepEqual(await stagedSecrets(project), []);
    });

    test('a question that nobody will answer is cancelled', async (t) => {
      const project = await shellProject(t, place.compute);
      const script = `mkdir -p .agora; printf '{"question":"Which?"}' > .agora/needs_input.json`;
      const run = await runScript(project, script).finished;
      const { dispatchId } = JSON.parse(run.stdout);

      const cancel = await project.agora(['dispatch', 'cancel', dispatchId]);
      const answer = await project.agora(['dispatch', 'answer', dispatchId, '--option', '1']);

      assert.equal(cancel.code, 0, cancel.stderr);
      assert.equal(answer.code, 1, answer.stderr);
      assert.match(answer.stderr, /it is cancelled/);
    });

    test('work that cannot be is refused with what is wrong, and nothing is left', async (t) => {
      const project = await shellProject(t, place.compute);
      const key = ['sk', 'ant', 'api03', 'a1'.repeat(12)].join('-');
      const missing = `agora://default/artifact/d-${'a'.repeat(26)}/sha256:${'0'.repeat(64)}`;
      const refusals: [string[], number, RegExp][] = [
        [['--subagent', 'shel'], 2, /Cannot use subagent "shel".*did you mean/s],
        [['--subagent', 'shell', '--target', 'moon'], 2, /target "moon": this config has local/],
        [['--subagent', 'shell', '--env', 'none'], 2, /env "none"/],
        [['--subagent', 'shell', '--input', '{"script":'], 2, /--input: it is not JSON at line 1/],
        [['--subagent', 'shell', '--input', '{}'], 2, /holds no "script"/],
        [['--subagent', 'shell', '--input', `{"script":"${key}"}`], 1, /input\.script looks like an Anthropic key/],
        [['--subagent', 'shell', '--model', 'max', '--input', '{"script":""}'], 2, /Cannot use model "max"/],
        [['--subagent', 'shell', '--timeout', 'soon'], 2, /--timeout "soon" is not a number/],
        [['--subagent', 'shell', '--timeout', '0'], 2, /timeoutSeconds must be seconds, more than 0 and at most/],
        [['--subagent', 'shell', '--retention-days', '1.5'], 2, /retentionDays must be days, a whole number/],
        [
          ['--subagent', 'shell', '--input', '{"script":""}', '--input-ref', `in=${missing}`],
          3,
          /"inputs\/in": artifact/,
        ],
        [['--subagent', 'shell', '--network', 'some'], 2, /network/],
        [['--subagent', 'shell', '--dispatch-id', 'x', '--input', '{"script":""}'], 2, /dispatch id "x"/],
        [[], 2, /"--subagent" is missing/],
      ];

      for (const [words, code, message] of refusals) {
        const refused = await project.agora(['dispatch', 'run', ...words]);
        assert.equal(refused.code, code, refused.stderr);
        assert.match(refused.stderr, message);
        assert.equal(refused.stderr.includes(key), false);
        assert.equal(refused.stdout, '');
      }

      const list = await project.agora(['dispatch', 'list', '--json']);
      assert.deepEqual(JSON.parse(list.stdout), []);
    });

    test('an id is used once, and a beginning of it is enough to name it', async (t) => {
      const project = await shellProject(t, place.compute);
      const id = `d-${'abcdefghij'.repeat(3).slice(0, 26)}`;

      const first = await runScript(project, 'true', ['--dispatch-id', id]).finished;
      const second = await runScript(project, 'true', ['--dispatch-id', id]).finished;
      const described = await project.agora(['dispatch', 'describe', 'abcd']);

      assert.equal(first.code, 0, first.stderr);
      assert.equal(second.code, 2, second.stderr);
      assert.match(second.stderr, /there is a dispatch of that id/);
      assert.match(described.stdout, new RegExp(`^${id}\n  status +done`));
      await waitUntil(
        'an empty engine',
        async () => !engine || (await containersOf(project, engine)).length === 0,
        gone,
      );
    });
  });
}
