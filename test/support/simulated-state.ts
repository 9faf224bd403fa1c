import { AppError } from '../../src/contracts/errors.ts';
import type {
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedVolume,
} from '../../src/contracts/host-observation.ts';
import type { WorkspaceSpec } from '../../src/contracts/host-spec.ts';

/** How containers of an image fare. */
export type Fate = 'good' | 'crashes' | 'sick' | 'does-not-start';

export interface SimulatedContainer extends Omit<ObservedContainer, 'networks' | 'startedAt' | 'finishedAt'> {
  networks: Set<string>;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
  /** It is being stopped. */
  endsAtMs?: number | undefined;
  readonly spec: WorkspaceSpec | undefined;
}

/** What a simulated engine has. It outlives the agents that use it. */
export class SimulatedState {
  readonly networks = new Map<string, ObservedNetwork>();
  readonly volumes = new Map<string, ObservedVolume>();
  /** Those that the engine has no record of. */
  readonly halfVolumes = new Set<string>();
  readonly images = new Map<string, ObservedImage>();
  readonly containers = new Map<string, SimulatedContainer>();
  /** What a pull of a reference gives now. */
  readonly registry = new Map<string, string>();
  readonly fates = new Map<string, Fate>();
  /** What must never happen and did: an agent takes whatever its engine throws as a failure of a step. */
  readonly violations: string[] = [];
  /** Told of each thing that is done to something that is there, before it is done. */
  onTouch: (what: { action: string; name: string; labels: Readonly<Record<string, string>> }) => void = () => {};
  /** Told after each change. */
  onChange: () => void = () => {};
  nowMs = Date.UTC(2026, 0, 1);
  #ids = 0;

  never(isSo: boolean, what: string): void {
    if (isSo) this.violations.push(what);
  }

  id(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }

  addImage(image: Partial<ObservedImage> & { id: string }): void {
    this.images.set(image.id, { tags: [], repositoryDigests: [], sizeBytes: 1, labels: {}, ...image });
  }

  moveTag(tag: string, id: string): void {
    for (const image of this.images.values()) image.tags = image.tags.filter((other) => other !== tag);
    this.images.get(id)?.tags.push(tag);
  }

  addContainer(container: Partial<SimulatedContainer> & { name: string }): SimulatedContainer {
    const added: SimulatedContainer = {
      id: this.id('container'),
      imageId: 'image-foreign',
      labels: {},
      status: 'created',
      health: 'none',
      exitCode: 0,
      isOutOfMemory: false,
      error: '',
      restartCount: 0,
      startedAtMs: undefined,
      finishedAtMs: undefined,
      networks: new Set(),
      spec: undefined,
      ...container,
    };
    this.containers.set(added.id, added);
    return added;
  }

  containerOf(reference: string): SimulatedContainer | undefined {
    return this.containers.get(reference) ?? [...this.containers.values()].find(({ name }) => name === reference);
  }

  start(container: SimulatedContainer): void {
    const port = this.#portInUse(container);
    if (port !== undefined)
      throw new AppError('task-conflict', `Cannot start "${container.name}": port ${port} is taken`);
    const fate = this.fates.get(container.imageId) ?? 'good';
    if (fate === 'does-not-start')
      throw new AppError('invalid-input', `Cannot start "${container.name}": no such device`);
    container.startedAtMs = this.nowMs;
    container.health = container.spec?.health === undefined ? 'none' : 'starting';
    container.status = 'running';
    container.exitCode = 0;
    if (fate === 'crashes') this.end(container, 1);
  }

  end(container: SimulatedContainer, exitCode: number): void {
    container.status = 'exited';
    container.exitCode = exitCode;
    container.finishedAtMs = this.nowMs;
    container.endsAtMs = undefined;
  }

  #portInUse({ id, spec }: SimulatedContainer): number | undefined {
    const running = [...this.containers.values()].filter((one) => one.id !== id && one.status === 'running');
    const used = new Set(running.flatMap((one) => (one.spec?.ports ?? []).map(({ host }) => host)));
    return spec?.ports.find(({ host }) => host !== undefined && used.has(host))?.host;
  }

  /** What becomes of containers on their own, as time goes by. */
  advance(ms: number): void {
    this.nowMs += ms;
    for (const container of this.containers.values()) this.#age(container);
    this.onChange();
  }

  observed(container: SimulatedContainer): ObservedContainer {
    const { startedAtMs, finishedAtMs, endsAtMs: _, networks, spec: __, ...rest } = container;
    return {
      ...rest,
      networks: [...networks],
      ...(startedAtMs === undefined ? {} : { startedAt: new Date(startedAtMs).toISOString() }),
      ...(finishedAtMs === undefined ? {} : { finishedAt: new Date(finishedAtMs).toISOString() }),
    };
  }

  #age(container: SimulatedContainer): void {
    if (container.endsAtMs !== undefined && container.endsAtMs <= this.nowMs) this.end(container, 143);
    if (container.status !== 'running' || container.health !== 'starting') return;
    if (this.fates.get(container.imageId) !== 'sick') container.health = 'healthy';
    else if (this.nowMs - (container.startedAtMs ?? 0) > 5_000) container.health = 'unhealthy';
  }
}
