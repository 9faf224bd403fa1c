import { readCgroup } from './cgroup-files.ts';
import { type CgroupFolders, CgroupPaths } from './cgroup-paths.ts';
import { trafficOf } from './host-files.ts';
import type { ContainerReading, HostFiles, Transferred } from './reading.ts';
import { OpenFiles, readFolders, readTarget, readText } from './text-file.ts';

const deepest = 4;

/** Reads what the kernel counts for containers, without the engine. */
export class ContainerReader {
  readonly #proc: string;
  readonly #self: string;
  readonly #paths: CgroupPaths;
  readonly #files = new OpenFiles();
  /** Whether a container shares the host's network, for as long as it runs. */
  readonly #sharesHost = new Map<string, boolean>();

  constructor({ root }: HostFiles) {
    this.#proc = `${root}/proc`;
    this.#self = root === '' ? 'self' : '1';
    this.#paths = new CgroupPaths(root);
  }

  /** Of those that run here and were found. */
  read(ids: readonly string[], nowMs: number): ContainerReading[] {
    const asked = new Set(ids);
    this.#paths.keep(asked);
    for (const id of this.#sharesHost.keys()) if (!asked.has(id)) this.#sharesHost.delete(id);
    const found = ids.flatMap((id) => {
      const folders = this.#paths.foldersOf(id, nowMs);
      if (folders === undefined) return [];
      const network = this.#trafficOf(id, folders);
      return [{ id, ...readCgroup(folders, this.#files), ...(network !== undefined && { network }) }];
    });
    this.#files.endPass();
    return found;
  }

  /** Undefined where it has no network of its own to count. */
  #trafficOf(id: string, { main }: CgroupFolders): Transferred | undefined {
    const pid = this.#processIn(main);
    if (pid === undefined || this.#isOnHost(id, pid)) return undefined;
    // Not kept open: it would keep the network of an ended container.
    const text = readText(`${this.#proc}/${pid}/net/dev`);
    return text === undefined ? undefined : trafficOf(text, (name) => name !== 'lo');
  }

  /** One that runs systemd or an engine has its processes in cgroups of its own making, its first ones nearest. */
  #processIn(main: string): string | undefined {
    let level = [main];
    for (let depth = 0; depth < deepest && level.length > 0; depth += 1) {
      for (const folder of level) {
        const pid = /^\d+/.exec(this.#files.text(`${folder}/cgroup.procs`) ?? '')?.[0];
        // 0 stands for a process that this namespace cannot name.
        if (pid !== undefined) return pid === '0' ? undefined : pid;
      }
      level = level.flatMap((folder) => readFolders(folder).map((name) => `${folder}/${name}`));
    }
    return undefined;
  }

  #isOnHost(id: string, pid: string): boolean {
    const known = this.#sharesHost.get(id);
    if (known !== undefined) return known;
    const own = readTarget(`${this.#proc}/${pid}/ns/net`);
    if (own === undefined) return true; // It ended meanwhile.
    const isOnHost = own === readTarget(`${this.#proc}/${this.#self}/ns/net`);
    this.#sharesHost.set(id, isOnHost);
    return isOnHost;
  }
}
