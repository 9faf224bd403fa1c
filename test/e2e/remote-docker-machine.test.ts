import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import { runScript, startScript } from '../support/dispatches.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { endDaemon, itemPrinted, nothingLeft, projectOn } from '../support/far-project.ts';
import { intactBundle, item, outcomes, patience, seen, statusesOf, submit, watched } from '../support/shell-project.ts';
import { fillUp } from '../support/small-disk.ts';

const skip = (await farMachineObstacle()) ?? false;
const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const done = [['done', undefined, 0]];
const noSpace = /no space left on device where the engine keeps its data/;

describe('another machine', { skip }, () => {
  let far: FarMachine;
  before(async () => {
    far = await startFarMachine({ engine: { diskBytes: 700 * mebibyte } });
  });
  after(() => far.close());

  const filler = () => join(far.engine.dataFolder, 'filler');
  const docker = async (...words: readonly string[]) => (await run('docker', ['-H', far.engine.host, ...words])).stdout;

  test('whose disk has no room for the image says so, and a run goes on by itself once it has', async (t) => {
    const project = await projectOn(t, far);
    await fillUp(filler());

    const doctor = await project.agora(['doctor', '--target', 'ssh://root@target']);
    const pushed = await project.agora(['worker', 'push', '--target', 'ssh://root@target']);
    const refused = await runScript(project, 'true').finished;
    const daemon = await project.serve();
    const runId = await submit(project, 'no-room', [item('a', 'true')]);
    const reasons = async () => {
      const told = (await statusesOf(project, runId)).map(({ reason }) => reason);
      return new Set(told.filter((reason) => reason !== undefined && noSpace.test(reason)));
    };
    await waitUntil('the reason', async () => (await reasons()).size > 0, patience);
    await rm(filler());
    const ended = await watched(project, runId);
    const told = await reasons();
    await endDaemon(daemon);

    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, / {2}MISS {2}disk .* free at .*\n.*next: free some space there/);
    for (const { code, stderr } of [pushed, refused]) {
      assert.equal(code, 3, stderr);
      assert.match(stderr, noSpace);
      assert.match(stderr, /next: Free space where the engine keeps images and volumes/);
    }
    assert.equal(ended.code, 0, daemon.stderr());
    assert.equal(told.size, 1, [...told].join('\n'));
    assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), done);
    await nothingLeft(project, far);
  });

  test('whose disk has no room for another worker makes it wait, and says why once', async (t) => {
    const project = await projectOn(t, far);
    await runScript(project, 'true').finished;
    await fillUp(filler());

    const running = await startScript(project, 'echo new > new.txt');
    await waitUntil('the reason', () => noSpace.test(running.stderr()), patience);
    await rm(filler());
    const ended = await running.finished;

    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stderr.match(/trying again/g)?.length, 1, ended.stderr);
    await nothingLeft(project, far);
  });

  test('whose disk fills up while work runs ends that work before the disk is full, and a retry does it', async (t) => {
    const project = await projectOn(t, far);
    const daemon = await project.serve();
    const retry = { attempts: 8, delaySeconds: 1 };
    const runId = await submit(project, 'fills', [
      item('a', 'echo begun; sleep 8; echo new > new.txt', { retry }),
      item('b', 'grep new new.txt', { depends_on: ['a'] }),
    ]);
    await itemPrinted(far, project, { runId, itemId: 'a', text: 'begun' });

    await fillUp(filler());
    const failed = await seen(project, runId, 'a', ({ reason }) => reason !== undefined);
    await rm(filler());
    const ended = await watched(project, runId);
    await endDaemon(daemon);

    assert.match(
      failed.reason ?? '',
      /^disk-limit: (The disk that holds the worktree was about to fill up|No space was left)/,
    );
    assert.equal(ended.code, 0, daemon.stderr());
    const bundle = await intactBundle(project, runId);
    const [first, ...others] = outcomes(bundle, 'a').map(([outcome, code]) => [outcome, code].join(' ').trim());
    assert.equal(first, 'failed disk-limit');
    assert.equal(others.at(-1), 'done');
    assert.equal(others.filter((outcome) => outcome === 'done').length, 1);
    assert.deepEqual(outcomes(bundle, 'b'), done);
    await nothingLeft(project, far);
  });

  test('that has not the image that a dispatch names, or lost its own, says which, or gets it again', async (t) => {
    const project = await projectOn(t, far);
    const daemon = await project.serve();
    await watched(project, await submit(project, 'before', [item('a', 'true')]));

    const images = (await docker('images', '-q')).trim().split('\n');
    await docker('rmi', '-f', ...new Set(images));
    const runId = await submit(project, 'after', [item('a', 'true')]);
    const ended = await watched(project, runId);
    await endDaemon(daemon);
    const named = await runScript(project, 'true', ['--worker-image', 'nowhere:1']).finished;

    assert.equal(ended.code, 0, daemon.stderr());
    assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), done);
    assert.equal(named.code, 1);
    assert.match(named.stderr, /image-missing: Cannot use image "nowhere:1": the engine does not have it; next: Run /);
    await nothingLeft(project, far);
  });
});
