import { hostLabels } from '../contracts/fleet-names.ts';
import type { WorkspaceStatus } from '../contracts/host-change.ts';
import type { WorkspaceSpec } from '../contracts/host-spec.ts';
import { timeSpanInMs } from '../contracts/host-units.ts';
import { settle } from './exchange.ts';
import type { ImageShelf } from './images.ts';
import type { NetworkReadiness } from './networks.ts';
import { addStep, type Pass, type Readiness, tell, wakeBy } from './pass.ts';
import { portWaits } from './port-holders.ts';
import { tellRefusal } from './refusals.ts';
import { workspaceDigest } from './spec-digest.ts';
import { care } from './steady.ts';
import { isFresh, removeMoves, type Slots, slotsOf, type Workspace } from './workspace.ts';
import { statusOf } from './workspace-status.ts';

export interface Prerequisites {
  readonly networks: ReadonlyMap<string, NetworkReadiness>;
  readonly volumes: ReadonlyMap<string, Readiness>;
  readonly images: ImageShelf;
}

/** Removes the workspaces that are no longer declared. Gives what then is there for others. */
export function removeWorkspaces(pass: Pass): Readiness {
  const steps: (number | undefined)[] = [];
  let blockedBy: string | undefined;
  for (const { item, isOurs } of pass.inventory.containers.values()) {
    const name = item.labels[hostLabels.name];
    if (!isOurs || name === undefined || Object.hasOwn(pass.target.spec.workspaces, name)) continue;
    if (pass.busy.has(name)) {
      blockedBy = `workspace "${name}" is still being removed`;
      continue;
    }
    if (item.status === 'removing') {
      wakeBy(pass, pass.now + 1_000);
      continue;
    }
    const reason = 'it is not declared any more';
    const moves = removeMoves(item);
    steps.push(
      addStep(pass, {
        kind: 'remove-workspace',
        name,
        reason,
        moves,
        attempt: `drop ${item.name}`,
        fingerprint: item.id,
      }),
    );
  }
  for (const { name, id } of pass.inventory.strays) {
    const message = `Container "${name}" has labels of ours and a name that is not: somebody renamed it, or made it from a copy of one of ours`;
    tell(pass, name, message, `It is left as it is. Remove it if nobody needs it: docker rm ${id.slice(0, 12)}`);
  }
  return { after: steps.filter((step) => step !== undefined), ...(blockedBy !== undefined && { blockedBy }) };
}

export function reconcileWorkspaces(pass: Pass, prerequisites: Prerequisites, removals: Readiness): WorkspaceStatus[] {
  // A plan tells where it leads, not what waits for what on the way.
  const waits = pass.isPlan ? new Map<string, string>() : portWaits(pass);
  return Object.entries(pass.target.spec.workspaces).map(([name, spec]) => {
    const workspace = workspaceOf(pass, { name, spec, portWait: waits.get(name) }, prerequisites, removals);
    const busy = pass.busy.get(name);
    if (busy !== undefined) return statusOf(pass, workspace, busy.reason);
    tellForeign(pass, workspace);
    const kept = settle(pass, workspace);
    const reason = care(pass, workspace, { kept, networks: prerequisites.networks });
    tellRefusal(pass, workspace);
    foreseeBuild(pass, workspace);
    return statusOf(pass, workspace, reason);
  });
}

function workspaceOf(
  pass: Pass,
  { name, spec, portWait }: { name: string; spec: WorkspaceSpec; portWait: string | undefined },
  { networks, volumes, images }: Prerequisites,
  removals: Readiness,
): Workspace {
  const image = images.of(spec.image);
  const needs: Readiness[] = [image];
  for (const network of spec.networks) needs.push(networks.get(network) ?? undeclared('network', network));
  for (const mount of spec.mounts) {
    if (mount.type === 'volume') needs.push(volumes.get(mount.volume) ?? undeclared('volume', mount.volume));
  }
  const slots = slotsOf(pass, name, spec);
  const isTakingOver = takesOver(spec, slots);
  if (isTakingOver) needs.push(removals);
  const space = slots.next === undefined && pass.isDiskShort ? 'there is too little disk space' : undefined;
  return {
    name,
    spec,
    digest: workspaceDigest(spec, pass.target.secretDigests),
    slots,
    image,
    after: needs.flatMap(({ after }) => after),
    heldBy: isTakingOver ? (removals.blockedBy ?? portWait) : undefined,
    blockedBy: needs.find(({ blockedBy }) => blockedBy !== undefined)?.blockedBy ?? space ?? portWait,
    ...wanted(pass, spec),
  };
}

/** A workspace that goes may still have the port, or work on the data, that this one is to get. */
function takesOver({ ports, mounts }: WorkspaceSpec, { current }: Slots): boolean {
  const sharesData = current === undefined && mounts.some(({ type }) => type !== 'tmpfs');
  return sharesData || ports.some(({ host }) => host !== undefined);
}

function undeclared(kind: string, name: string): Readiness {
  return { after: [], blockedBy: `its ${kind} "${name}" is not declared` };
}

function wanted(pass: Pass, { running, onDisconnect }: WorkspaceSpec): Pick<Workspace, 'isWanted' | 'unwantedBecause'> {
  if (!running) return { isWanted: false, unwantedBecause: 'it is declared not to run' };
  const { awayMs } = pass.target;
  const { action, after } = onDisconnect;
  if (action === 'keep' || awayMs === undefined) return { isWanted: true, unwantedBecause: '' };
  const leftMs = timeSpanInMs(after) - awayMs;
  if (leftMs > 0) {
    pass.wakeAt = Math.min(pass.wakeAt, pass.now + leftMs);
    return { isWanted: true, unwantedBecause: '' };
  }
  const span = typeof after === 'number' ? `${after}s` : after;
  return { isWanted: false, unwantedBecause: `the server has been away for ${span} or longer` };
}

function tellForeign(pass: Pass, { name, slots }: Workspace): void {
  if (!slots.taken.includes(name)) return;
  const next = `Remove it (docker rm ${name}), declare another name, or set "adopt: true" to have it made again as ours.`;
  tell(pass, name, `Cannot make workspace "${name}": a container of this name is not ours`, next);
}

/** A plan tells as well what follows once an image is built: everything that is made of it is made again. */
function foreseeBuild(pass: Pass, workspace: Workspace): void {
  const { name, image, slots, after } = workspace;
  const isFollowing = pass.isPlan && image.work === 'building' && slots.current !== undefined;
  if (!isFollowing || pass.steps.some((step) => step.kind === 'replace-workspace' && step.name === name)) return;
  if (!isFresh(workspace, slots.current)) return;
  addStep(pass, { kind: 'replace-workspace', name, reason: 'its image is built again', moves: [], after });
}
