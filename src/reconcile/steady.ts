import type { ObservedContainer } from '../contracts/host-observation.ts';
import { entryOf } from './entry-of.ts';
import { isUp } from './gate.ts';
import type { Kept } from './kept.ts';
import { foreignLimits } from './limits.ts';
import type { NetworkReadiness } from './networks.ts';
import { addStep, type Pass, tell, wakeBy } from './pass.ts';
import { engineLoop, noteStart, restartOf, steadyFrom } from './restarts.ts';
import type { Move } from './step.ts';
import { stopEndsBy } from './stops.ts';
import { isFresh, startFailureOf, stopMove, type Workspace } from './workspace.ts';

/** Starts, stops and connects the container that stays. Gives why it does not run as declared, if so. */
export function care(
  pass: Pass,
  workspace: Workspace,
  { kept, networks }: { kept: Kept; networks: ReadonlyMap<string, NetworkReadiness> },
): string | undefined {
  const { container, isProving } = kept;
  if (container === undefined) return undefined;
  const connected = joinNetworks(pass, workspace, container, networks);
  rejoinOwnNetworkOfEngine(pass, workspace, container);
  if (isProving) return undefined;
  if (!workspace.isWanted) return stop(pass, workspace, container);
  if (container.status === 'paused') {
    const { name } = workspace;
    tell(pass, name, `Cannot run workspace "${name}": somebody paused it`, `Let it go on: docker unpause ${name}`);
    return 'somebody paused it';
  }
  tellForeignLimits(pass, workspace, container);
  if (isUp(container)) return watch(pass, workspace, container);
  return start(pass, workspace, container, connected);
}

function stop(pass: Pass, { name, spec, unwantedBecause: reason }: Workspace, container: ObservedContainer): string {
  if (isUp(container)) {
    const moves = [stopMove(container, spec)];
    addStep(pass, { kind: 'stop-workspace', name, reason, moves, fingerprint: container.id });
  }
  return reason;
}

function watch(pass: Pass, { name }: Workspace, container: ObservedContainer): string | undefined {
  if (container.status === 'running') {
    const endsBy = stopEndsBy(pass.memory, container.id, pass.now);
    if (endsBy === undefined) delete pass.memory.stopped[container.id];
    else wakeBy(pass, endsBy);
  }
  const isCounted = entryOf(pass.memory.restarts, name)?.containerId === container.id;
  const steadyAt = steadyFrom(container, pass.now);
  if (isCounted && steadyAt === undefined) delete pass.memory.restarts[name];
  const loop = engineLoop(container, pass.now);
  if (loop !== undefined) tellLoop(pass, name, loop);
  // Nothing else tells that a loop is over: the container only goes on.
  const isLoop = loop !== undefined || isCounted;
  if (isLoop && steadyAt !== undefined) pass.wakeAt = Math.min(pass.wakeAt, steadyAt);
  return loop;
}

function start(
  pass: Pass,
  { name, spec, after, heldBy }: Workspace,
  container: ObservedContainer,
  connected: readonly number[],
): string | undefined {
  if (heldBy !== undefined) return heldBy;
  const restart = restartOf(container, spec, { name, memory: pass.memory, now: pass.now });
  if (restart.is === 'ended') return `it ended with exit code ${container.exitCode}, and is not to be started again`;
  if (restart.is === 'later') {
    wakeBy(pass, restart.at);
    if (restart.isLoop) tellLoop(pass, name, restart.reason);
    return restart.reason;
  }
  const moves: Move[] = [{ do: 'start', container: container.id }];
  const reason = container.status === 'created' ? 'it was made and not started' : 'it does not run';
  const steps = [...after, ...connected];
  const step = addStep(pass, { kind: 'start-workspace', name, reason, moves, after: steps, fingerprint: container.id });
  if (step !== undefined) noteStart(pass.memory, { name, container, restart, now: pass.now });
  return startFailureOf(pass, name, container)?.message ?? reason;
}

/** Networks of ours are joined and left as it runs; those of others are nobody's business but theirs. */
function joinNetworks(
  pass: Pass,
  workspace: Workspace,
  container: ObservedContainer,
  networks: ReadonlyMap<string, NetworkReadiness>,
): number[] {
  const { name, spec } = workspace;
  const isDeclared = isFresh(workspace, container);
  const steps: (number | undefined)[] = [];
  for (const network of isDeclared ? spec.networks : container.networks) {
    const readiness = networks.get(network);
    if (readiness === undefined || readiness.blockedBy !== undefined) continue;
    if (container.networks.includes(network) && !readiness.isRemade) continue;
    const moves: Move[] = [{ do: 'connect', network, container: container.id }];
    const step = { kind: 'connect-network', name, reason: `it is not on network "${network}"`, moves } as const;
    const key = { attempt: `connect ${network} ${name}`, fingerprint: container.id };
    steps.push(addStep(pass, { ...step, ...key, after: readiness.after }));
  }
  if (!isDeclared) return steps.filter((step) => step !== undefined);
  for (const network of container.networks) {
    const isOurs = pass.inventory.networks.get(network)?.isOurs === true;
    if (!isOurs || !networks.has(network) || spec.networks.includes(network)) continue;
    const moves: Move[] = [{ do: 'disconnect', network, container: container.id }];
    const step = {
      kind: 'disconnect-network',
      name,
      reason: `network "${network}" is not declared for it`,
      moves,
    } as const;
    addStep(pass, { ...step, attempt: `disconnect ${network} ${name}`, fingerprint: container.id });
  }
  return steps.filter((step) => step !== undefined);
}

const networkOfDocker = 'bridge';

/** Where no network is declared it was made on the engine's own, which somebody may have taken it off. */
function rejoinOwnNetworkOfEngine(pass: Pass, { name, spec }: Workspace, container: ObservedContainer): void {
  if (container.status !== 'running' || spec.networks.length > 0 || container.networks.length > 0) return;
  // Podman has none of this name, and its containers may be on none.
  if (pass.inventory.networks.get(networkOfDocker)?.isOurs !== false) return;
  const moves: Move[] = [{ do: 'connect', network: networkOfDocker, container: container.id }];
  const step = { kind: 'connect-network', name, reason: `it is not on network "${networkOfDocker}"`, moves } as const;
  addStep(pass, { ...step, attempt: `connect ${networkOfDocker} ${name}`, fingerprint: container.id });
}

/** Not mended: to make it again would stop it, and whoever changed it wanted it to run. */
function tellForeignLimits(pass: Pass, workspace: Workspace, container: ObservedContainer): void {
  if (!isFresh(workspace, container)) return;
  const lines = foreignLimits(container, workspace.spec);
  if (lines.length === 0) return;
  const message = `Workspace "${workspace.name}" is not as declared, somebody changed it: ${lines.join('; ')}`;
  tell(pass, workspace.name, message, `Declare it, or have it made again: docker rm -f ${workspace.name}`);
}

function tellLoop(pass: Pass, name: string, reason: string): void {
  tell(pass, name, `Cannot keep workspace "${name}" running: ${reason}`, `Look at its log: docker logs ${name}`);
}
