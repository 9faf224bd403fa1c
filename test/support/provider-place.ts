import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../../src/base/deadline.ts';
import { isSameProcess } from '../../src/base/process-identity.ts';
import { probeSandbox } from '../../src/compute/bubblewrap-probe.ts';
import { taskFolder } from '../../src/compute/process-folder.ts';
import { readTaskRecord } from '../../src/compute/process-record.ts';
import { stagingOf } from '../../src/compute/process-staging.ts';
import type { DispatchId } from '../../src/contracts/ids.ts';
import { containerLabels, outNames, stateNames, workerPaths } from '../../src/contracts/names.ts';
import { engineForTests, rawEngine } from './engine.ts';
import type { Project, ProjectCompute } from './project.ts';
import { patience } from './shell-project.ts';

/** A provider as its machine's owner reaches it: what a test does to workers from outside, and sees of them. */
export interface ProviderPlace {
  readonly name: 'docker' | 'process';
  readonly compute: ProjectCompute;
  /** Why there is none here; false when there is. */
  readonly skip: string | false;
  /** The provider's own name of a worker that runs now: a container id, or the supervisor's process. */
  workerOf(project: Project, dispatchId: DispatchId): Promise<string | undefined>;
  killSupervisor(project: Project, dispatchId: DispatchId): Promise<void>;
  /** Leaves the supervisor no way to write its result. */
  blockResult(project: Project, dispatchId: DispatchId): Promise<void>;
  /** What the subagent has printed so far. */
  log(project: Project, dispatchId: DispatchId): Promise<string>;
}

export async function providerPlaces(): Promise<readonly ProviderPlace[]> {
  const { engine, skip } = await engineForTests();
  return [dockerPlace(engine?.address ?? '', skip), processPlace(await noSandbox())];
}

/** Waits until the subagent has printed this. */
export async function printed(
  place: ProviderPlace,
  project: Project,
  dispatchId: DispatchId,
  text: string,
): Promise<void> {
  await waitUntil(
    `"${text}" of ${dispatchId}`,
    async () => (await place.log(project, dispatchId)).includes(text),
    patience,
  );
}

/** A place whose workers are containers of the engine at this address. */
export function dockerPlace(address: string, skip: string | false): ProviderPlace {
  const containerOf = async (dispatchId: DispatchId) => {
    const docker = await rawEngine(address);
    const filters = JSON.stringify({ label: [`${containerLabels.dispatchId}=${dispatchId}`] });
    const [found] = await docker.listContainers({ filters });
    return found === undefined ? undefined : docker.getContainer(found.Id);
  };
  const runningOf = async (dispatchId: DispatchId) =>
    waitUntil(`the container of ${dispatchId}`, () => containerOf(dispatchId), patience);
  return {
    name: 'docker',
    compute: { engine: address },
    skip,
    workerOf: async (_, dispatchId) => (await containerOf(dispatchId))?.id,
    killSupervisor: async (_, dispatchId) => void (await (await runningOf(dispatchId)).kill()),
    blockResult: async (_, dispatchId) => {
      const Cmd = ['mkdir', `${workerPaths.out}/${outNames.result}`];
      const exec = await (await runningOf(dispatchId)).exec({ Cmd, User: '0:0' });
      (await exec.start({ Detach: true })).resume();
      await waitUntil('the blocked result', async () => !(await exec.inspect()).Running, patience);
    },
    log: async (_, dispatchId) => {
      const container = await containerOf(dispatchId);
      const bytes = await container?.logs({ stdout: true, stderr: true });
      return bytes?.toString('utf8') ?? '';
    },
  };
}

function processPlace(skip: string | false): ProviderPlace {
  const folderOf = (project: Project, dispatchId: DispatchId) => {
    const work = join(project.folder, '.agora', stateNames.work, 'process');
    return taskFolder(join(stagingOf(work).tasks, dispatchId));
  };
  const supervisorOf = async (project: Project, dispatchId: DispatchId) => {
    const supervisor = (await readTaskRecord(folderOf(project, dispatchId).record))?.supervisor;
    return supervisor !== undefined && isSameProcess(supervisor) ? supervisor : undefined;
  };
  return {
    name: 'process',
    compute: 'process',
    skip,
    workerOf: async (project, dispatchId) => (await supervisorOf(project, dispatchId))?.pid.toString(),
    killSupervisor: async (project, dispatchId) => {
      const what = `the supervisor of ${dispatchId}`;
      const { pid } = await waitUntil(what, () => supervisorOf(project, dispatchId), patience);
      process.kill(pid, 'SIGKILL');
    },
    blockResult: async (project, dispatchId) => {
      await mkdir(join(folderOf(project, dispatchId).out, outNames.result));
    },
    log: (project, dispatchId) => readFile(folderOf(project, dispatchId).stdout, 'utf8').catch(() => ''),
  };
}

async function noSandbox(): Promise<string | false> {
  const probe = await probeSandbox();
  return probe.kind === 'none' && `NO SANDBOX: ${probe.reason}`;
}
