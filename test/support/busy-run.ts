import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import type { Project } from './project.ts';
import { item, submit, watched } from './shell-project.ts';

const ticksPerSecond = 100;

/** Processor seconds that a daemon and all it started take for a run whose only item computes for so long. */
export async function busyRunCost(project: Project, daemonPid: number, seconds: number): Promise<number> {
  const before = await familySeconds(daemonPid);
  const round = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done';
  const script = `end=$(($(date +%s) + ${seconds})); while [ $(date +%s) -lt $end ]; do ${round}; done`;
  const run = await submit(project, `busy-${seconds}-${Math.round(before * ticksPerSecond)}`, [item('busy', script)]);
  assert.deepEqual((await watched(project, run)).statuses, { busy: 'done' });
  return (await familySeconds(daemonPid)) - before;
}

/** Processor seconds of a process and of its children and theirs, also of those that have ended. */
async function familySeconds(pid: number): Promise<number> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(ids.map(readProcess));
  const processes = found.filter((one) => one !== undefined);
  const familyOf = (id: number): number => {
    const children = processes.filter(({ parentId }) => parentId === id);
    const own = processes.find((one) => one.id === id)?.ticks ?? 0;
    return children.reduce((sum, child) => sum + familyOf(child.id), own);
  };
  return familyOf(pid) / ticksPerSecond;
}

async function readProcess(name: string) {
  const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
  if (text === '') return undefined; // It has just ended.
  // The program's name before may have blanks.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0);
  return { id: Number(name), parentId: fields[1], ticks };
}
