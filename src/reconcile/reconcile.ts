import type { PlanStep, WorkspaceStatus } from '../contracts/host-change.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import { reconcileImages, removeImages } from './images.ts';
import { interruptedExchanges } from './interrupted.ts';
import { inventoryOf } from './inventory.ts';
import type { Memory } from './memory.ts';
import { reconcileNetworks, removeNetworks } from './networks.ts';
import { type Pass, tell } from './pass.ts';
import type { Decision, Target } from './target.ts';
import { reconcileVolumes, removeVolumes } from './volumes.ts';
import { reconcileWorkspaces, removeWorkspaces } from './workspaces.ts';

export interface Circumstances {
  /** What the last decision gave, and what `remember` made of its steps. */
  readonly memory: Memory;
  readonly now: number;
  /** Attempts that are being made, with their fingerprints, as it was before the host was observed. Default: none. */
  readonly underWay?: ReadonlyMap<string, string>;
  /** Steps of earlier decisions that still wait for a container to end, by attempt. Default: none. */
  readonly busy?: ReadonlyMap<string, PlanStep>;
  /** For people: all that a spec leads to, whatever failed before. Default: false. */
  readonly isPlan?: boolean;
}

/** Decides what to do next to make a host as it is declared. Nothing but what it is given counts. */
export function reconcile(target: Target, observed: HostObservation, circumstances: Circumstances): Decision {
  const pass = begin(target, observed, circumstances);
  const removals = removeWorkspaces(pass);
  const networks = reconcileNetworks(pass);
  const volumes = reconcileVolumes(pass);
  const images = reconcileImages(pass);
  const workspaces = reconcileWorkspaces(pass, { networks, volumes, images }, removals);
  const after = pass.steps.flatMap(({ kind }, index) => (kind.endsWith('-workspace') ? [index] : []));
  removeNetworks(pass, after);
  // A container that takes its time to end may still have them, and one that comes after it may need them.
  if (pass.busy.size === 0) {
    removeVolumes(pass, after);
    removeImages(pass, observed.images);
  }
  tellSpace(pass, observed);
  if (target.settings.enabled) return conclude(pass, observed, workspaces);
  return untouched(circumstances.memory, { workspaces, problems: interruptedExchanges(pass) });
}

function begin(
  target: Target,
  observed: HostObservation,
  { memory, now, underWay = new Map(), busy = new Map(), isPlan = false }: Circumstances,
): Pass {
  const { disk } = observed;
  return {
    target,
    inventory: inventoryOf(observed, target.hostId),
    memory: structuredClone(memory),
    now,
    isDiskShort: disk !== undefined && disk.freeBytes < target.settings.diskReserveBytes,
    isPlan,
    steps: [],
    problems: [],
    underWay,
    busy: new Map([...busy.values()].map((step) => [step.name, step])),
    // One that is not wanted any more was cut short by what is declared now.
    stillWanted: new Set(busy.keys()),
    attempts: new Set(),
    wakeAt: Number.POSITIVE_INFINITY,
    isWaiting: false,
  };
}

function conclude(pass: Pass, observed: HostObservation, workspaces: WorkspaceStatus[]): Decision {
  const { steps, problems, wakeAt, isWaiting, busy, stillWanted } = pass;
  return {
    steps,
    problems,
    workspaces,
    memory: whatMatters(pass, observed),
    underWay: [...stillWanted],
    ...(wakeAt === Number.POSITIVE_INFINITY ? {} : { wakeAt }),
    isSettled:
      steps.length === 0 && problems.length === 0 && !isWaiting && busy.size === 0 && workspaces.every(isAsDeclared),
  };
}

/** One that is to run runs, and its health check says so. */
function isAsDeclared({ state }: WorkspaceStatus): boolean {
  return state === 'running' || state === 'stopped';
}

// Nothing is done on a host that is disabled, so nothing is told as missing either, but what an agent left half done.
function untouched(memory: Memory, told: Pick<Decision, 'workspaces' | 'problems'>): Decision {
  return { steps: [], ...told, memory, underWay: [], isSettled: false };
}

function whatMatters(
  { memory, target, attempts, inventory, steps, stillWanted, underWay }: Pass,
  observed: HostObservation,
): Memory {
  const { workspaces, images } = target.spec;
  const declared = <T>(record: Record<string, T>, names: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => Object.hasOwn(names, name)));
  const containers = new Set(observed.containers.map(({ id }) => id));
  const imageIds = new Set(observed.images.map(({ id }) => id));
  const tried = new Set(steps.map(({ attempt }) => attempt));
  return {
    failures: Object.fromEntries(
      Object.entries(memory.failures).filter(
        ([attempt]) => attempts.has(attempt) || tried.has(attempt) || stillWanted.has(attempt),
      ),
    ),
    exchanges: declared(memory.exchanges, workspaces),
    refused: declared(memory.refused, workspaces),
    restarts: declared(memory.restarts, workspaces),
    stopped: Object.fromEntries(Object.entries(memory.stopped).filter(([id]) => containers.has(id))),
    images: declared(memory.images, images),
    // A build that ended while the host was observed gave an image that is not to be seen yet.
    builtImages: memory.builtImages.filter((id) => imageIds.has(id) || underWay.size > 0),
    volumes: Object.fromEntries(Object.entries(memory.volumes).filter(([name]) => inventory.volumes.has(name))),
    askedVolumes: Object.fromEntries(
      Object.entries(memory.askedVolumes).filter(
        ([name]) => tried.has(`create-volume ${name}`) || inventory.volumes.get(name)?.isOurs === false,
      ),
    ),
  };
}

function tellSpace(pass: Pass, { disk }: HostObservation): void {
  if (!pass.isDiskShort || disk === undefined || !pass.isWaiting) return;
  const { diskReserveBytes } = pass.target.settings;
  const message = `Cannot pull, build or create: ${disk.freeBytes} bytes are free, less than the reserve of ${diskReserveBytes}`;
  tell(pass, 'disk', message, 'Free space (docker system df shows what takes it), or lower diskReserveBytes.');
}
