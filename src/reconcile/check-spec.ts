import { familiarReference } from '../base/image-reference.ts';
import { suggestion } from '../base/suggest.ts';
import { agentVolume } from '../contracts/fleet-names.ts';
import { type HostSpec, specLimits, type WorkspaceSpec } from '../contracts/host-spec.ts';
import { checkPorts } from './check-ports.ts';
import { tagOf } from './images.ts';
import { hostSpecDigest } from './spec-digest.ts';
import type { SpecProblem } from './spec-problem.ts';

const networksOfEngines = ['bridge', 'host', 'none', 'default', 'podman'];
const mostProblems = 100;

/** What the schema of a spec cannot say: references, and things that are in each other's way. */
export function checkSpec(spec: HostSpec): SpecProblem[] {
  const problems = [
    ...checkText(spec),
    ...checkCount(spec),
    ...checkNetworks(spec),
    ...checkVolumes(spec),
    ...checkImages(spec),
    ...Object.entries(spec.workspaces).flatMap(([name, workspace]) => checkWorkspace(spec, name, workspace)),
    ...checkPorts(spec),
  ];
  return problems.slice(0, mostProblems);
}

function checkText(spec: HostSpec): SpecProblem[] {
  try {
    hostSpecDigest(spec);
    return [];
  } catch (error) {
    return [{ path: [], message: error instanceof Error ? error.message : String(error) }];
  }
}

function checkCount({ networks, volumes, images, workspaces }: HostSpec): SpecProblem[] {
  const count = [networks, volumes, images, workspaces].reduce((sum, named) => sum + Object.keys(named).length, 0);
  return count <= specLimits.resources
    ? []
    : [{ path: [], message: `declares ${count} resources, more than ${specLimits.resources}` }];
}

function checkNetworks({ networks }: HostSpec): SpecProblem[] {
  return Object.entries(networks).flatMap(([name, { gateway, subnet, parent, driver }]) => {
    const path = ['networks', name];
    const problems: SpecProblem[] = [];
    if (networksOfEngines.includes(name))
      problems.push({ path, message: `"${name}" is a network of the engine itself` });
    if (gateway !== undefined && subnet === undefined) {
      problems.push({ path: [...path, 'gateway'], message: 'needs a subnet as well' });
    }
    if (parent !== undefined && driver !== 'macvlan') {
      problems.push({ path: [...path, 'parent'], message: 'is for the driver macvlan' });
    }
    return problems;
  });
}

function checkVolumes({ volumes }: HostSpec): SpecProblem[] {
  if (!Object.hasOwn(volumes, agentVolume)) return [];
  return [{ path: ['volumes', agentVolume], message: "is the agent's own volume" }];
}

function checkImages({ images }: HostSpec): SpecProblem[] {
  const tags = new Map<string, string>();
  return Object.entries(images).flatMap(([name, image]) => {
    const path = ['images', name];
    const problems: SpecProblem[] = [];
    const tag = familiarReference(tagOf(name, image));
    const first = tags.get(tag);
    if (first === undefined) tags.set(tag, name);
    else problems.push({ path, message: `is known as "${tag}", and so is image "${first}"` });
    const { build } = image;
    if (build !== undefined && isOutside(build.dockerfile)) {
      problems.push({ path: [...path, 'build', 'dockerfile'], message: 'must be a path within the context' });
    }
    if (build?.push === true && image.tag === undefined) {
      problems.push({ path: [...path, 'build', 'push'], message: 'needs a tag that names the registry' });
    }
    for (const variable of Object.keys(build?.secrets ?? {})) {
      if (Object.hasOwn(build?.args ?? {}, variable))
        problems.push({ path: [...path, 'build', 'secrets', variable], message: 'is set in args as well' });
    }
    if (image.tag?.includes('@') === true) {
      problems.push({ path: [...path, 'tag'], message: 'must be a name and a tag, without a digest' });
    }
    return problems;
  });
}

function isOutside(path: string): boolean {
  return path.startsWith('/') || path.split('/').includes('..');
}

function checkWorkspace(spec: HostSpec, name: string, workspace: WorkspaceSpec): SpecProblem[] {
  const path = ['workspaces', name];
  const problems: SpecProblem[] = [];
  if (/\.agora-(next|previous)$/.test(name)) {
    problems.push({ path, message: 'must not end in .agora-next or .agora-previous: these names are for exchanges' });
  }
  workspace.networks.forEach((network, index) => {
    const at = [...path, 'networks', index];
    if (!Object.hasOwn(spec.networks, network)) {
      problems.push({
        path: at,
        message: `no network "${network}" is declared${suggestion(network, Object.keys(spec.networks))}`,
      });
    }
    if (workspace.networks.indexOf(network) < index) problems.push({ path: at, message: `names "${network}" again` });
  });
  for (const variable of Object.keys(workspace.secrets)) {
    if (Object.hasOwn(workspace.env, variable)) {
      problems.push({ path: [...path, 'secrets', variable], message: 'is set in env as well' });
    }
  }
  return [...problems, ...checkMounts(spec, path, workspace)];
}

function checkMounts(spec: HostSpec, path: readonly string[], { mounts }: WorkspaceSpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const targets = new Map<string, number>();
  mounts.forEach((mount, index) => {
    const at = [...path, 'mounts', index];
    const first = targets.get(mount.target);
    if (first === undefined) targets.set(mount.target, index);
    else problems.push({ path: [...at, 'target'], message: `is the target of mounts[${first}] as well` });
    if (mount.type === 'volume' && !Object.hasOwn(spec.volumes, mount.volume)) {
      const near = suggestion(mount.volume, Object.keys(spec.volumes));
      problems.push({ path: [...at, 'volume'], message: `no volume "${mount.volume}" is declared${near}` });
    }
  });
  return problems;
}
