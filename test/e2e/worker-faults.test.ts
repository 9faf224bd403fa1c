import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printed, providerPlaces } from '../support/provider-place.ts';
import {
  artifactText,
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  results,
  shellProject,
  submit,
  watched,
} from '../support/shell-project.ts';

const bomb = 'b() { b | b & }; b; sleep 600';
const forkOn = 'while :; do sleep 600 & done';
const fillMemory = 'node -e "const held = []; for (;;) held.push(Buffer.alloc(8e6, 1))"';
const lostOnce = { retry: { lostAttempts: 1 } };

for (const place of await providerPlaces()) {
  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('workers that fail in every way are contained, named rightly, and leave the others alone', async (t) => {
      const project = await shellProject(t, place.compute, { concurrency: 5 });
      await project.serve();

      const runId = await submit(project, 'faults', [
        item('kill', 'echo begun; sleep 600', lostOnce),
        item('no-result', 'echo begun; sleep 3', lostOnce),
        item('well', 'echo hello > hello.txt; sleep 1'),
        item('exit', 'exit 3'),
        item('endless', "trap '' TERM; while :; do sleep 1; done", { timeoutSeconds: 2 }),
        item('output', 'yes "$(printf %02000d 0)" | head -c 1073741824'),
        item('forks', forkOn, { resources: { pids: 48 } }),
        item('bomb', bomb, { resources: { pids: 32, cpus: 0.5 }, timeoutSeconds: 2 }),
        item('big-file', 'head -c 268435456 /dev/zero > big', { resources: { diskMb: 16 } }),
        item('files', 'i=0; while :; do i=$((i+1)); head -c 65536 /dev/zero > f$i; done', {
          resources: { diskMb: 8 },
        }),
        item('last', 'echo bye > bye.txt', { depends_on: ['well'] }),
      ]);
      for (const id of ['kill', 'no-result'])
        await printed(place, project, await dispatchOf(project, runId, id), 'begun');
      await place.killSupervisor(project, await dispatchOf(project, runId, 'kill'));
      await place.blockResult(project, await dispatchOf(project, runId, 'no-result'));
      const ended = await watched(project, runId);

      assert.equal(ended.code, 1);
      const bundle = await intactBundle(project, runId);
      const { bomb: bombed, ...others } = Object.fromEntries(
        bundle.items.map(({ id }) => [id, outcomes(bundle, id).map((found) => found.slice(0, 2))]),
      );
      // Its shell may give up at the limit, or fork on until its time is over.
      assert.match(String(bombed), /^failed,(pids-limit|timeout)$/);
      assert.deepEqual(others, {
        kill: [['lost', 'worker-lost']],
        'no-result': [['failed', 'no-result']],
        well: [['done', undefined]],
        exit: [['failed', 'exit-nonzero']],
        endless: [['failed', 'timeout']],
        output: [['failed', 'output-limit']],
        forks: [['failed', 'pids-limit']],
        'big-file': [['failed', 'disk-limit']],
        files: [['failed', 'disk-limit']],
        last: [['done', undefined]],
      });
      assert.match(await artifactText(project, bundle, { item: 'last' }), /^\+bye$/m);
    });

    test('a run whose items all fail has the reason, exit code and attempt of each in an intact bundle', async (t) => {
      const project = await shellProject(t, place.compute);
      await project.serve();

      const runId = await submit(project, 'failing', [
        item('three', 'exit 3'),
        item('seven', 'exit 7', { retry: { attempts: 2, delaySeconds: 0 } }),
        item('after', 'true', { depends_on: ['three'] }),
      ]);
      const ended = await watched(project, runId);

      assert.equal(ended.code, 1);
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(bundle.items, [
        { id: 'three', status: 'failed', attempt: 1, reason: 'exit-nonzero: The command ended with exit code 3' },
        { id: 'seven', status: 'failed', attempt: 2, reason: 'exit-nonzero: The command ended with exit code 7' },
        { id: 'after', status: 'skipped', attempt: 0, reason: 'item "three" is failed' },
      ]);
      assert.deepEqual(outcomes(bundle, 'three'), [['failed', 'exit-nonzero', 3]]);
      assert.deepEqual(outcomes(bundle, 'seven'), [
        ['failed', 'exit-nonzero', 7],
        ['failed', 'exit-nonzero', 7],
      ]);
    });

    test('an item that failed or was lost once and then succeeded keeps both attempts in its bundle', async (t) => {
      const project = await shellProject(t, place.compute);
      await project.serve();
      const second = await dispatchOf(project, 'again' as never, 'fails', 2);

      const runId = await submit(project, 'again', [
        item('fails', `[ "$AGORA_DISPATCH_ID" = ${second} ] || exit 4; echo two > two.txt`, {
          retry: { attempts: 2, delaySeconds: 0 },
        }),
        item('lost', 'echo begun; sleep 2; echo done > done.txt', { retry: { delaySeconds: 0 } }),
      ]);
      const first = await dispatchOf(project, runId, 'lost');
      await printed(place, project, first, 'begun');
      await place.killSupervisor(project, first);
      const ended = await watched(project, runId);

      assert.equal(ended.code, 0);
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(outcomes(bundle, 'fails'), [
        ['failed', 'exit-nonzero', 4],
        ['done', undefined, 0],
      ]);
      assert.deepEqual(outcomes(bundle, 'lost'), [
        ['lost', 'worker-lost', undefined],
        ['done', undefined, 0],
      ]);
      assert.deepEqual(
        ['fails', 'lost'].map((id) =>
          bundle.manifests.filter(({ itemId }) => itemId === id).map(({ attempt }) => attempt),
        ),
        [
          [1, 2],
          [1, 2],
        ],
      );
      assert.deepEqual(
        bundle.auditLog.entries
          .filter(({ kind }) => kind === 'audit.gap')
          .map(({ item: id, attempt }) => [id, attempt]),
        [['lost', 1]],
      );
    });

    test('an item that touches a file outside its locks fails, and what it made does not go on', async (t) => {
      const source = { 'a.txt': 'a\n', 'b.txt': 'b\n' };
      const project = await shellProject(t, place.compute, { source, enforceLocks: true });
      await project.serve();

      const runId = await submit(project, 'locks', [
        item('within', 'echo more >> a.txt', { resourceLocks: ['a.txt'] }),
        item('outside', 'echo more >> b.txt', { resourceLocks: ['c.txt'] }),
        item('after', 'cat a.txt b.txt', { depends_on: ['outside'] }),
        item('check', 'grep -q more a.txt && ! grep -q more b.txt', { depends_on: ['within'] }),
      ]);
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { within: 'done', outside: 'failed', after: 'skipped', check: 'done' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(outcomes(bundle, 'outside'), [['failed', 'lock-violation', 0]]);
      assert.match(results(bundle, 'outside')[0]?.body.message ?? '', /b\.txt/);
    });

    test('two edits of one line conflict for whoever depends on both, and the conflict names its place', async (t) => {
      const project = await shellProject(t, place.compute, { source: { 'a.txt': 'one\n' } });
      await project.serve();

      const runId = await submit(project, 'conflict', [
        item('left', 'echo left > a.txt'),
        item('right', 'echo right > a.txt'),
        item('both', 'true', { depends_on: ['left', 'right'] }),
        item('one', 'grep -q left a.txt', { depends_on: ['left'] }),
      ]);
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { left: 'done', right: 'done', both: 'failed', one: 'done' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(outcomes(bundle, 'both'), [['failed', 'patch-conflict', undefined]]);
      assert.match(results(bundle, 'both')[0]?.body.message ?? '', /"(left|right)".*a\.txt/);
    });

    test('a later edit of a locked file builds on the earlier ones, and products are handed on', async (t) => {
      const project = await shellProject(t, place.compute, { source: { 'a.txt': 'zero\n' } });
      await project.serve();

      const lock = { resourceLocks: ['a.txt'] };
      const product = (path: string) => ({ from: 'maker', select: { kind: 'output', path } });
      const runId = await submit(project, 'builds', [
        item('first', 'echo first >> a.txt', lock),
        item('second', 'echo second >> a.txt', lock),
        item(
          'maker',
          'echo made > made.txt; mkdir "$AGORA_OUTPUT_DIR/deep"; echo product > "$AGORA_OUTPUT_DIR/deep/p"',
        ),
        item(
          'taker',
          'test ! -e made.txt-not; cp inputs/product "$AGORA_OUTPUT_DIR/p"; cp inputs/patch "$AGORA_OUTPUT_DIR"',
          {
            needs: { product: product('deep/p'), patch: { from: 'maker', select: { kind: 'patch' } } },
          },
        ),
        item('reader', 'cp a.txt "$AGORA_OUTPUT_DIR/a"', { depends_on: ['first', 'second'] }),
      ]);
      const ended = await watched(project, runId);

      assert.equal(ended.code, 0, JSON.stringify(ended.statuses));
      const bundle = await intactBundle(project, runId);
      const lines = (await artifactText(project, bundle, { item: 'reader', path: 'a' })).trim().split('\n');
      assert.deepEqual([lines[0], ...lines.slice(1).sort()], ['zero', 'first', 'second']);
      assert.equal(await artifactText(project, bundle, { item: 'taker', path: 'p' }), 'product\n');
      assert.equal(
        await artifactText(project, bundle, { item: 'taker', path: 'patch' }),
        await artifactText(project, bundle, { item: 'maker' }),
      );
    });

    test('memory is limited in a container; without one the limit does not hold, and the doctor says so', async (t) => {
      const project = await shellProject(t, place.compute);
      if (place.name === 'process') {
        const { stdout, stderr } = await project.agora(['doctor']);
        assert.match(stdout + stderr, /memory not-enforced/);
        return;
      }
      await project.serve();

      const runId = await submit(project, 'memory', [
        item('greedy', fillMemory, { resources: { memoryMb: 192 } }),
        item('well', 'echo well'),
      ]);
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { greedy: 'failed', well: 'done' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(
        outcomes(bundle, 'greedy').map(([, code]) => code),
        ['memory-limit'],
      );
    });
  });
}
