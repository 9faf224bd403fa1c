import type { ContainerState } from '../engine/engine.ts';
import type { TaskExit } from './compute.ts';

/** 128 + SIGKILL. */
const killed = 137;

/**
 * How a container ended, or undefined while it may still run. The supervisor ends with 0 or 1; any other code means
 * that it was ended: by a signal (128 and the signal's number), or with the engine (255).
 */
export function exitOf(state: ContainerState): TaskExit | undefined {
  const { status, exitCode, isOutOfMemory, error } = state;
  if (status === 'running' || status === 'paused' || status === 'restarting') return undefined;
  if (status === 'created')
    return lost(error === '' ? 'its container was never started' : `its container could not start: ${error}`);
  if (status === 'removing' || status === 'dead') return lost('its container is being removed');
  if (exitCode === killed && isOutOfMemory) return { kind: 'exited', exitCode, isOutOfMemory };
  if (exitCode >= 128) return lost(`its supervisor was ended from outside (exit code ${exitCode})`);
  return { kind: 'exited', exitCode, isOutOfMemory };
}

function lost(reason: string): TaskExit {
  return { kind: 'lost', reason };
}
