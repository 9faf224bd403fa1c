import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/config/package-root.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { emptyProject } from '../support/project.ts';

const run = promisify(execFile);
const skip = (await privateEngineObstacle()) ?? (await missingProgram()) ?? false;

test('the example of a fleet declares, repairs and leaves nothing behind', { skip, timeout: 180_000 }, async (t) => {
  const project = await emptyProject(t, 'process');
  const before = await traces();

  const example = project.start(join(packageRoot, 'examples/fleet/start.sh'), []);
  const { code, stdout, stderr } = await example.finished;

  assert.equal(code, 0, `${stdout}\n${stderr}`);
  for (const name of ['box-1', 'box-2']) {
    assert.match(stdout, new RegExp(`^${name}\tadmitted\tonline`, 'm'));
    assert.match(stdout, new RegExp(`^${name}: admitted; link online.*engine up`, 'm'));
    assert.match(stdout, new RegExp(`\tuser:admin\tspec.apply\thost:${name}\trevision=1`));
  }
  assert.equal(stdout.match(/^workspace web: running;/gm)?.length, 4, stdout);
  assert.equal((stdout + stderr).match(/→ healthy \+/g)?.length, 6, 'told while it is waited for, and twice after it');
  assert.match(stdout, /== Both hosts are as declared again\n$/);
  assert.deepEqual(
    (await traces()).filter((trace) => !before.includes(trace)),
    [],
  );
});

/** Namespaces, mounts, folders and processes of any run of the example. */
async function traces(): Promise<string[]> {
  const [{ stdout: namespaces }, mounts, folders] = await Promise.all([
    run('ip', ['netns', 'list']),
    readFile('/proc/self/mounts', 'utf8'),
    readdir(tmpdir()),
  ]);
  return [
    ...namespaces.split('\n').filter((line) => line.startsWith('fleet-')),
    ...mounts.split('\n').filter((line) => line.includes('/fleet.')),
    ...folders.filter((name) => name.startsWith('fleet.')),
    ...(await processesIn('/fleet.')),
  ];
}

async function processesIn(part: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(part)).map((line) => line.replaceAll('\0', ' '));
}

async function missingProgram(): Promise<string | undefined> {
  for (const program of ['docker', 'curl']) {
    const isThere = await run('which', [program]).then(
      () => true,
      () => false,
    );
    if (!isThere) return `the example needs "${program}"`;
  }
  return undefined;
}
