import { readCgroup } from './cgroup-files.ts';
import { type CgroupFolders, CgroupPaths } from './cgroup-paths.ts';
import { trafficOf } from './host-files.ts';
import type { ContainerReading, HostFiles, Transferred } from './reading.ts';
import { OpenFiles, readTarget, readText } from './text-file.ts';

/** Reads what the kernel counts for containers, without the engine. */
export class ContainerReader {
  readonly #proc: string;
  readonly #self: string;
  readonly #paths: CgroupPaths;
  readonly #files = new OpenFiles();
  /** Whether a process shares the host's network, by its id. */
  readonly #sharesHost = new Map<string, boolean>();

  constructor({ root }: HostFiles) {
    this.#proc = `${root}/proc`;
    this.#self = root === '' ? 'self' : '1';
    this.#paths = new CgroupPaths(root);
  }

  /** Of those that run here and were found. */
  read(ids: readonly string[], nowMs: number): ContainerReading[] {
    this.#paths.keep(new Set(ids));
    if (this.#sharesHost.size > 4 * ids.length + 64) this.#sharesHost.clear();
    const found = ids.flatMap((id) => {
      const folders = this.#paths.foldersOf(id, nowMs);
      if (folders === undefined) return [];
      const network = this.#trafficOf(folders);
      return [{ id, ...readCgroup(folders, this.#files), ...(network !== undefined && { network }) }];
    });
    this.#files.endPass();
    return found;
  }

  /** Undefined where it has no network of its own to count. */
  #trafficOf({ main }: CgroupFolders): Transferred | undefined {
    const listed = this.#files.text(`${main}/cgroup.procs`);
    const pid = listed?.slice(0, Math.max(0, listed.indexOf('\n')));
    // 0 stands for a process that this namespace cannot name.
    if (pid === undefined || pid === '' || pid === '0' || this.#isOnHost(pid)) return undefined;
    // Not kept open: it would keep the network of an ended container.
    const text = readText(`${this.#proc}/${pid}/net/dev`);
    return text === undefined ? undefined : trafficOf(text, (name) => name !== 'lo');
  }

  #isOnHost(pid: string): boolean {
    const known = this.#sharesHost.get(pid);
    if (known !== undefined) return known;
    const own = readTarget(`${this.#proc}/${pid}/ns/net`);
    const isOnHost = own === undefined || own === readTarget(`${this.#proc}/${this.#self}/ns/net`);
    this.#sharesHost.set(pid, isOnHost);
    return isOnHost;
  }
}
