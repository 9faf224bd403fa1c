import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCgroupEvents } from './cgroup-events.ts';
import { aFolder } from './worker-under-test.ts';

test('the counters of cgroup version 2 are read', async (t) => {
  const root = await aFolder(t);
  await writeFile(join(root, 'memory.events'), 'low 0\nhigh 0\nmax 1042\noom 3\noom_kill 2\noom_group_kill 0\n');
  await writeFile(join(root, 'pids.events'), 'max 7\n');

  assert.deepEqual(readCgroupEvents(root), { memoryKills: 2, refusedForks: 7 });
});

test('the counters of cgroup version 1 are read', async (t) => {
  const root = await aFolder(t);
  await mkdir(join(root, 'memory'));
  await mkdir(join(root, 'pids'));
  await writeFile(join(root, 'memory/memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n');
  await writeFile(join(root, 'pids/pids.events'), 'max 5\n');

  assert.deepEqual(readCgroupEvents(root), { memoryKills: 4, refusedForks: 5 });
});

test('without a cgroup nothing is counted', async (t) => {
  assert.deepEqual(readCgroupEvents(await aFolder(t)), { memoryKills: 0, refusedForks: 0 });
});
