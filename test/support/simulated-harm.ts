import { hostLabels } from '../../src/contracts/fleet-names.ts';
import type { SimulatedContainer, SimulatedState } from './simulated-state.ts';

/** What happens to a host without its agent. */
export const harms = ['ends', 'stopped', 'removed', 'disconnected', 'network removed', 'engine restarts'] as const;
export type Harm = (typeof harms)[number];

/** Does something to one of the containers that an agent made, or to all. */
export function harm(state: SimulatedState, what: Harm, which: number): void {
  const ours = [...state.containers.values()].filter(({ spec }) => spec !== undefined);
  const container = ours[which % Math.max(1, ours.length)];
  if (what === 'engine restarts') restartEngine(state);
  else if (container !== undefined) actions[what](state, container);
}

const actions: {
  readonly [K in Exclude<Harm, 'engine restarts'>]: (state: SimulatedState, container: SimulatedContainer) => void;
} = {
  ends: (state, container) => {
    if (container.status === 'running') state.end(container, 1);
  },
  stopped: (state, container) => {
    if (container.status === 'running') state.end(container, 143);
  },
  removed: (state, { id }) => {
    state.containers.delete(id);
  },
  disconnected: (_, { networks }) => networks.clear(),
  'network removed': (state) => {
    const [network] = [...state.networks.values()].filter(({ labels }) => labels[hostLabels.host] !== undefined);
    if (network === undefined) return;
    for (const { networks } of state.containers.values()) networks.delete(network.name);
    state.networks.delete(network.name);
  },
};

/** Everything ends; what has the restart policy `always` is started, though somebody stopped it before. */
function restartEngine(state: SimulatedState): void {
  const all = [...state.containers.values()].filter(({ spec }) => spec !== undefined);
  const wasRunning = new Set(all.filter(({ status }) => status === 'running'));
  for (const container of wasRunning) state.end(container, 255);
  for (const container of all) {
    const { status, spec } = container;
    const isStarted = spec?.restart === 'always' ? status !== 'created' : wasRunning.has(container);
    if (!isStarted) continue;
    try {
      state.start(container);
    } catch {
      // The engine tells nobody; it stays as it is.
    }
  }
}
