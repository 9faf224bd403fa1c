import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../../src/base/deadline.ts';
import { type DispatchRecord, dispatchRecordSchema } from '../../src/contracts/dispatch.ts';
import { type DispatchId, deploymentIdSchema } from '../../src/contracts/ids.ts';
import { containerLabels } from '../../src/contracts/names.ts';
import { deploymentIdOf } from '../../src/dispatch/deployment.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Project, Running } from './project.ts';
import { patience } from './shell-project.ts';

/** A dispatch of a shell project that was started by hand. */
export interface StartedDispatch extends Running {
  readonly dispatchId: DispatchId;
}

/** Types `agora dispatch run` with a shell script as its work. */
export function runScript(project: Project, script: string, more: readonly string[] = []): Running {
  const input = JSON.stringify({ script });
  return project.start('agora', ['dispatch', 'run', '--subagent', 'shell', '--input', input, ...more]);
}

/** The same, up to its acceptance. */
export async function startScript(
  project: Project,
  script: string,
  more: readonly string[] = [],
): Promise<StartedDispatch> {
  const running = runScript(project, script, more);
  return { ...running, dispatchId: await acceptedId(running) };
}

export async function acceptedId(running: Running): Promise<DispatchId> {
  const find = () => /^dispatch (d-[a-z2-7]{26}) accepted$/m.exec(running.stderr())?.[1];
  const ended = running.finished.then(({ stderr }) => assert.fail(`it ended before it was accepted: ${stderr}`));
  ended.catch(() => undefined); // Told below, if it comes first.
  const found = await Promise.race([waitUntil('the acceptance', find, patience), ended]);
  return found as DispatchId;
}

/** Ends the process that executes a dispatch as a crash does. */
export async function crash(running: Running): Promise<void> {
  // The whole group: npm and shells may stand before it.
  process.kill(-(running.child.pid ?? assert.fail('it was never started')), 'SIGKILL');
  await running.finished;
}

export async function describeDispatch(project: Project, dispatchId: DispatchId): Promise<DispatchRecord> {
  const { code, stdout, stderr } = await project.agora(['dispatch', 'describe', dispatchId, '--json']);
  assert.equal(code, 0, stderr);
  return dispatchRecordSchema.parse(JSON.parse(stdout));
}

/** Describes it until it has one of these statuses. */
export function untilStatus(
  project: Project,
  dispatchId: DispatchId,
  ...statuses: readonly DispatchRecord['status'][]
): Promise<DispatchRecord> {
  const look = async () => {
    const record = await describeDispatch(project, dispatchId);
    return statuses.includes(record.status) ? record : undefined;
  };
  return waitUntil(`${dispatchId} to be ${statuses.join(' or ')}`, look, patience);
}

/** Names of this project's containers that are there, running or not. */
export async function containersOf(project: Project, engine: Engine): Promise<string[]> {
  const deploymentId = deploymentIdSchema.parse(await deploymentIdOf(join(project.folder, '.agora')));
  const found = await engine.listContainers({ [containerLabels.deployment]: deploymentId });
  return found.map(({ labels }) => labels[containerLabels.dispatchId] ?? '');
}

export async function stagedSecrets(project: Project): Promise<string[]> {
  return readdir(join(project.folder, '.agora', 'secrets')).catch(() => []);
}
