import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { waitUntil } from '../../src/base/deadline.ts';
import { processesWith } from '../../src/base/process-sweep.ts';
import { internetNetwork } from '../../src/compute/docker-network.ts';
import { stagingOf } from '../../src/compute/process-staging.ts';
import type { DispatchId } from '../../src/contracts/ids.ts';
import { containerLabels, stateNames, workerEnvironmentNames } from '../../src/contracts/names.ts';
import { stagedSecrets } from './dispatches.ts';
import type { Project } from './project.ts';
import { patience } from './shell-project.ts';

/** What there is of a dispatch, in words. Volumes have no owner's name: they are those its container was seen with. */
export class Traces {
  readonly #project: Project;
  readonly #docker: Dockerode | undefined;
  readonly #volumes = new Set<string>();

  constructor(project: Project, docker: Dockerode | undefined) {
    this.#project = project;
    this.#docker = docker;
  }

  async of(dispatchId: DispatchId): Promise<string[]> {
    const tasks = stagingOf(join(this.#project.folder, '.agora', stateNames.work, 'process')).tasks;
    const processes = processesWith(workerEnvironmentNames.dispatchId, dispatchId);
    return [
      ...(this.#docker === undefined ? [] : await this.#ofEngine(this.#docker, dispatchId)),
      ...(existsSync(join(tasks, dispatchId)) ? [`folder ${dispatchId}`] : []),
      ...processes.map((pid) => `process ${pid}`),
      ...(await stagedSecrets(this.#project)).map((name) => `secret ${name}`),
      ...(await readdir(join(this.#project.folder, '.agora', stateNames.work)).catch(() => []))
        .filter((name) => name.includes(dispatchId))
        .map((name) => `work ${name}`),
    ];
  }

  /** Resolves with the time at which nothing is left. */
  goneAt(dispatchId: DispatchId): Promise<number> {
    const look = async () => ((await this.of(dispatchId)).length === 0 ? Date.now() : undefined);
    return waitUntil(`nothing left of ${dispatchId}`, look, patience);
  }

  async #ofEngine(docker: Dockerode, dispatchId: DispatchId): Promise<string[]> {
    const filters = { label: [`${containerLabels.dispatchId}=${dispatchId}`] };
    const containers = await docker.listContainers({ all: true, filters });
    for (const { Mounts: mounts } of containers) for (const { Name: name } of mounts) if (name) this.#volumes.add(name);
    const { Volumes: volumes } = await docker.listVolumes();
    const network = await docker
      .getNetwork(internetNetwork.name)
      .inspect()
      .catch(() => undefined);
    const ends = Object.values(network?.Containers ?? {});
    return [
      ...containers.map(({ State: state }) => `container ${state}`),
      ...(volumes ?? []).filter(({ Name: name }) => this.#volumes.has(name)).map(({ Name: name }) => `volume ${name}`),
      ...ends.filter(({ Name: name }) => name === dispatchId).map(({ Name: name }) => `end of a network ${name}`),
    ];
  }
}
