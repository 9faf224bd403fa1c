import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, opendirSync, openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

/** One name of a tree that was written by somebody who is not trusted. */
export interface TreeEntry {
  /** Its parts from the root of the walk, bytes as they are. Made only when asked for: a tree may be very deep. */
  path(): Buffer[];
  readonly depth: number;
  /** Where it can be reached during the visit, whatever its depth; only its last part may be a link. */
  readonly location: Buffer;
  readonly stats: BigIntStats;
}

export interface WalkOptions {
  /** Called for each entry but the root; false ends the walk. Folders come before what they hold. */
  readonly visit: (entry: TreeEntry) => boolean;
  /** How long to work before letting other things happen. Default: 10. */
  readonly sliceMs?: number;
}

interface Level {
  readonly device: bigint;
  readonly inode: bigint;
  readonly name: Buffer;
  /** Folders of this level that are still to be entered. */
  readonly pending: Buffer[];
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Visits a tree of any depth with one open folder at a time and without following links: each step goes down or up
 * from the open folder, so no path gets too long and none can be turned elsewhere. A folder that cannot be opened is
 * passed over; when folders move while they are walked, the walk ends early.
 */
export async function walkTree(root: string, options: WalkOptions): Promise<void> {
  const walk = new Walk(openSync(root, folderFlags), options.visit);
  let sliceEndsAt = performance.now() + (options.sliceMs ?? 10);
  try {
    while (walk.step()) {
      if (performance.now() < sliceEndsAt) continue;
      await turn();
      sliceEndsAt = performance.now() + (options.sliceMs ?? 10);
    }
  } finally {
    walk.close();
  }
}

class Walk {
  readonly #visit: WalkOptions['visit'];
  readonly #levels: Level[] = [];
  #folder: number;

  constructor(root: number, visit: WalkOptions['visit']) {
    this.#folder = root;
    this.#visit = visit;
  }

  /** Enters or leaves one folder; false when there is nothing left. */
  step(): boolean {
    const level = this.#levels.at(-1);
    if (level === undefined) return this.#read(Buffer.from(''));
    const name = level.pending.pop();
    if (name === undefined) return this.#leave();
    const child = openFolder(this.#at(name));
    if (child === undefined) return true;
    closeSync(this.#folder);
    this.#folder = child;
    return this.#read(name);
  }

  close(): void {
    closeSync(this.#folder);
  }

  #read(folderName: Buffer): boolean {
    const { dev: device, ino: inode } = fstatSync(this.#folder, { bigint: true });
    const pending: Buffer[] = [];
    this.#levels.push({ device, inode, name: folderName, pending });
    for (const name of namesOf(this.#folder)) {
      const location = this.#at(name);
      const stats = lstatSync(location, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const path = (): Buffer[] => [...this.#levels.slice(1).map((level) => level.name), name];
      if (!this.#visit({ path, depth: this.#levels.length, location, stats })) return false;
      if (stats.isDirectory()) pending.push(name);
    }
    return true;
  }

  #leave(): boolean {
    this.#levels.pop();
    const parent = this.#levels.at(-1);
    if (parent === undefined) return false;
    const folder = openFolder(this.#at(Buffer.from('..')));
    if (folder === undefined) return false;
    closeSync(this.#folder);
    this.#folder = folder;
    const { dev, ino } = fstatSync(folder, { bigint: true });
    return dev === parent.device && ino === parent.inode;
  }

  #at(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#folder}/`), name]);
  }
}

function openFolder(location: Buffer): number | undefined {
  try {
    return openSync(location, folderFlags);
  } catch {
    // Gone, replaced or not readable: there is nothing to walk.
    return undefined;
  }
}

function* namesOf(folder: number): Generator<Buffer> {
  // Read in portions: a folder may hold more names than fit into memory at once.
  const entries = opendirSync(`/proc/self/fd/${folder}`, { encoding: 'buffer' as BufferEncoding });
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      yield entry.name as unknown as Buffer;
    }
  } finally {
    entries.closeSync();
  }
}
