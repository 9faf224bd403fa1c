import { existsSync } from 'node:fs';
import { readFolders, readNames } from './text-file.ts';

/** Folders of a container: with version 2 one for all, with version 1 one for each controller. */
export interface CgroupFolders {
  readonly version: 1 | 2;
  /** Where its processes are listed. */
  readonly main: string;
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
  readonly io: string | undefined;
  readonly pids: string | undefined;
}

const controllers = { cpu: 'cpuacct', memory: 'memory', io: 'blkio', pids: 'pids' } as const;
const deepest = 8;
const mostFolders = 20_000;
const searchAgainMs = 60_000;

/** Finds the cgroup of containers by their ids, whatever driver and parent the engine uses. */
export class CgroupPaths {
  readonly #root: string;
  readonly #version: 1 | 2;
  readonly #mounts: Readonly<Record<keyof typeof controllers, string | undefined>>;
  readonly #found = new Map<string, string>();
  readonly #missing = new Map<string, number>();

  constructor(root: string) {
    this.#root = `${root}/sys/fs/cgroup`;
    this.#version = existsSync(`${this.#root}/cgroup.controllers`) ? 2 : 1;
    this.#mounts = this.#version === 2 ? oneForAll(this.#root) : mountsOf(this.#root);
  }

  /** Undefined while it has none: it does not run, or it is another host's. */
  foldersOf(id: string, nowMs: number): CgroupFolders | undefined {
    const base = this.#mounts.memory ?? this.#mounts.pids ?? this.#mounts.cpu;
    if (base === undefined || !/^[0-9a-f]{12,64}$/.test(id)) return undefined;
    const path = this.#pathOf(base, id, nowMs);
    if (path === undefined) return undefined;
    const at = (mount: string | undefined) => mount && `${mount}/${path}`;
    const { cpu, memory, io, pids } = this.#mounts;
    const folders = { cpu: at(cpu), memory: at(memory), io: at(io), pids: at(pids) };
    return { version: this.#version, main: `${base}/${path}`, ...folders };
  }

  /** Forgets containers that are no longer asked for. */
  keep(ids: ReadonlySet<string>): void {
    for (const known of [this.#found, this.#missing]) for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  }

  #pathOf(base: string, id: string, nowMs: number): string | undefined {
    const known = this.#found.get(id);
    if (known !== undefined && existsSync(`${base}/${known}`)) return known;
    const usual = usualPaths(id).find((path) => existsSync(`${base}/${path}`));
    if (usual === undefined && nowMs - (this.#missing.get(id) ?? Number.NEGATIVE_INFINITY) < searchAgainMs) {
      return undefined;
    }
    const path = usual ?? search(base, id);
    if (path === undefined) this.#missing.set(id, nowMs);
    else this.#found.set(id, path);
    return path;
  }
}

/** Docker with the cgroupfs and the systemd driver, Podman likewise. */
function usualPaths(id: string): string[] {
  return [
    `docker/${id}`,
    `system.slice/docker-${id}.scope`,
    `machine.slice/libpod-${id}.scope`,
    `libpod_parent/libpod-${id}`,
  ];
}

/** With `--cgroup-parent`, rootless, or an engine inside a container: breadth first, by the id in the name. */
function search(base: string, id: string): string | undefined {
  let level = [''];
  let seen = 0;
  for (let depth = 0; depth < deepest && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const parent of level) {
      for (const name of readFolders(`${base}/${parent}`)) {
        const path = parent === '' ? name : `${parent}/${name}`;
        if (name.includes(id)) return path;
        next.push(path);
        seen += 1;
        if (seen > mostFolders) return undefined;
      }
    }
    level = next;
  }
  return undefined;
}

function oneForAll(root: string) {
  return { cpu: root, memory: root, io: root, pids: root };
}

/** Controllers are mounted alone or several together: `cpu,cpuacct`. */
function mountsOf(root: string): Record<keyof typeof controllers, string | undefined> {
  const names = readNames(root);
  const mountOf = (controller: string) => {
    const name = names.find((candidate) => candidate.split(',').includes(controller));
    return name === undefined ? undefined : `${root}/${name}`;
  };
  return {
    cpu: mountOf(controllers.cpu),
    memory: mountOf(controllers.memory),
    io: mountOf(controllers.io),
    pids: mountOf(controllers.pids),
  };
}
