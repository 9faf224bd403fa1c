import { existsSync } from 'node:fs';
import { readNames } from './text-file.ts';

const rereadMs = 60_000;

/**
 * Which devices of a class stand for hardware. Bridges, bonds, tunnels, partitions, RAID and encryption pass on what a device below
 * them counts as well: summed with it, each byte would count twice.
 */
class RealDevices {
  readonly #folder: string;
  readonly #isMadeUp: RegExp;
  #names: ReadonlySet<string> = new Set();
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** `folder` is of sysfs; names that match are left out where nothing there is hardware, as in some virtual machines. */
  constructor(folder: string, isMadeUp: RegExp) {
    this.#folder = folder;
    this.#isMadeUp = isMadeUp;
  }

  /** For one pass over a list of names. */
  test(nowMs: number): (name: string) => boolean {
    if (nowMs - this.#readAtMs >= rereadMs) {
      this.#readAtMs = nowMs;
      this.#names = new Set(readNames(this.#folder).filter((name) => existsSync(`${this.#folder}/${name}/device`)));
    }
    const names = this.#names;
    return names.size > 0 ? (name) => names.has(name) : (name) => name !== '' && !this.#isMadeUp.test(name);
  }
}

export function networkDevices(root: string): RealDevices {
  return new RealDevices(
    `${root}/sys/class/net`,
    /^(lo$|veth|docker|br-|virbr|cni|podman|flannel|cali|tun|tap|wg|ifb|dummy|bond|team)/,
  );
}

export function blockDevices(root: string): RealDevices {
  return new RealDevices(
    `${root}/sys/block`,
    /^(loop|ram|zram|dm-|md|sr|fd|nbd)|^(sd[a-z]+|vd[a-z]+|xvd[a-z]+)\d|p\d+$/,
  );
}
