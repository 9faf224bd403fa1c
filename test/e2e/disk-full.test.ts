import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import { systemErrorCode } from '../../src/contracts/errors.ts';
import type { Project } from '../support/project.ts';
import { printed, providerPlaces } from '../support/provider-place.ts';
import {
  artifactText,
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  patience,
  shellProject,
  submit,
  watched,
} from '../support/shell-project.ts';

const run = promisify(execFile);
const skip = await noTmpfs();
if (skip) process.stderr.write(`${skip}: tests of full disks are skipped\n`);

for (const place of await providerPlaces()) {
  test(`a disk that fills up while an item runs on ${place.name} is reported, and nothing is lost once it is freed`, {
    skip: place.skip || skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute, { source: { 'a.txt': 'a\n' } });
    const disk = await smallDisk(t, project);
    const daemon = await project.serve();
    const make = 'head -c 2000000 /dev/urandom > "$AGORA_OUTPUT_DIR/big"; echo more >> a.txt';
    const runId = await submit(project, 'full', [
      item('a', `echo begun; sleep 2; ${make}`),
      item('b', 'sleep 3'),
      item('c', `grep -q more a.txt && ${make}`, { depends_on: ['a'] }),
    ]);
    await printed(place, project, await dispatchOf(project, runId, 'a'), 'begun');

    await disk.fill();
    await waitUntil('the report', () => /no space left|is full/.test(daemon.stderr()), patience);
    await waitUntil('the next step', () => /free (some )?space/i.test(daemon.stderr()), patience);
    assert.equal(daemon.child.exitCode, null, 'it goes on');
    await disk.free();
    const ended = await watched(project, runId);

    assert.equal(ended.code, 0, `${JSON.stringify(ended.records.at(-1))}\n${daemon.stderr()}`);
    const bundle = await intactBundle(project, runId);
    for (const id of ['a', 'b', 'c']) assert.deepEqual(outcomes(bundle, id), [['done', undefined, 0]]);
    assert.match(await artifactText(project, bundle, { item: 'c' }), /^\+more$/m);
  });
}

test('a daemon that finds its disk full at the start says so, exits 3, and starts once there is space', {
  skip,
}, async (t) => {
  const project = await shellProject(t, 'process');
  const disk = await smallDisk(t, project);
  await disk.fill();

  const refused = await project.agora(['orch', 'serve']);
  await disk.free();
  const daemon = await project.serve();

  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /agora: Cannot .*(no space|full)[\s\S]*next: .*[Ff]ree/);
  daemon.child.kill('SIGTERM');
  assert.equal((await daemon.finished).code, 0);
});

/** Puts the project's state on a small file system of its own. */
async function smallDisk(t: TestContext, project: Project) {
  const folder = join(project.folder, '.agora');
  const filler = join(folder, 'filler');
  await mkdir(folder);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'agora-test', folder]);
  // Its folder is removed after the test: the mount goes first, whoever still has a file open there.
  const close = project.close.bind(project);
  project.close = async () => {
    await run('umount', ['-l', folder]);
    await close();
  };
  t.diagnostic(`a file system of 16 MiB at ${folder}`);
  return { fill: () => fillUp(filler), free: () => rm(filler) };
}

async function fillUp(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (const size of [1_000_000, 4_096, 1]) {
      while (await writes(() => file.appendFile(Buffer.alloc(size))));
    }
  } finally {
    await file.close();
  }
}

async function writes(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOSPC') return false;
    throw error;
  }
}

async function noTmpfs(): Promise<string | false> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'NO SMALL DISK: mounting one needs root on Linux';
  return run('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'agora-test', '/mnt']).then(
    () => false,
    (error: unknown) => `NO SMALL DISK: ${error instanceof Error ? error.message : String(error)}`,
  );
}
