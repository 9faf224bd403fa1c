import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import type { RunId } from '../../src/contracts/ids.ts';
import { containersOf } from './dispatches.ts';
import type { FarMachine } from './far-machine.ts';
import type { Project, Running } from './project.ts';
import { dockerPlace, printed } from './provider-place.ts';
import { dispatchOf, patience, type ShellProjectOptions, shellProject } from './shell-project.ts';
import type { SshServer } from './ssh-server.ts';

/** A shell project whose work runs on that machine. */
export async function projectOn(
  t: TestContext,
  { server }: Pick<FarMachine, 'server'>,
  options: ShellProjectOptions = {},
): Promise<Project> {
  const project = await shellProject(t, { engine: 'ssh://root@target' }, options);
  project.env['PATH'] = `${server.programs}:${project.env['PATH']}`;
  project.env['TMPDIR'] = join(project.folder, 'tmp');
  await mkdir(project.env['TMPDIR']);
  return project;
}

/** Waits until nothing is left of a project whose commands have all ended: no worker there, no ssh and no socket here. */
export async function nothingLeft(project: Project, { engine, server }: FarMachine): Promise<void> {
  assert.deepEqual(await containersOf(project, engine.engine), []);
  const isOver = async () =>
    (await sshOf(server)).length === 0 && (await readdir(project.env['TMPDIR'] ?? '')).length === 0;
  await waitUntil('the end of every ssh', isOver, patience);
}

async function sshOf({ folder }: SshServer): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(`${folder}/config\0`));
}

/** A script that prints a numbered line each second. */
export function counting(name: string, seconds: number): string {
  return `i=0; while [ $i -lt ${seconds} ]; do i=$((i+1)); echo ${name} $i; sleep 1; done`;
}

/** Waits until the first attempt of an item has printed this, as its engine tells. */
export async function itemPrinted(
  { engine }: FarMachine,
  project: Project,
  of: { readonly runId: RunId; readonly itemId: string; readonly text: string },
): Promise<void> {
  await printed(dockerPlace(engine.host, false), project, await dispatchOf(project, of.runId, of.itemId), of.text);
}

/** Ends a daemon in order. */
export async function endDaemon({ child, finished }: Running): Promise<void> {
  child.kill('SIGTERM');
  assert.equal((await finished).code, 0);
}
