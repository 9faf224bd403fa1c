import {
  accessSync,
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
} from 'node:fs';
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
  /** Kept open for the upper levels, so that nobody can take the way back away. */
  readonly folder: number | undefined;
  /** Folders of this level that are still to be entered. */
  readonly pending: Buffer[];
}

/** How many levels are kept open; below them the way back is `..`. */
const keptLevels = 128;
/** `O_PATH`: a handle of something that may be closed to us, for changing its mode and nothing else. */
const pathOnly = 0o10000000;
const ownerRights = 0o700;
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Visits a tree of any depth with a bounded number of open folders and without following links: each step goes down or
 * up from an open folder, so no path gets too long and none can be turned elsewhere. A folder that its owner, who may be
 * us, closed is opened; one that cannot be is passed over. Folders that move while they are walked cost no more than
 * what is deeper than the levels kept open.
 */
export async function walkTree(root: string, options: WalkOptions): Promise<void> {
  const walk = new Walk(openRoot(root), options.visit);
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
    this.#change(child);
    return this.#read(name);
  }

  close(): void {
    const open = new Set([this.#folder, ...this.#levels.flatMap(({ folder }) => folder ?? [])]);
    for (const folder of open) closeSync(folder);
  }

  #read(folderName: Buffer): boolean {
    const { dev: device, ino: inode } = fstatSync(this.#folder, { bigint: true });
    const pending: Buffer[] = [];
    const folder = this.#levels.length < keptLevels ? this.#folder : undefined;
    this.#levels.push({ device, inode, name: folderName, folder, pending });
    for (const name of namesOf(this.#folder)) {
      const location = this.#at(name);
      const stats = statsOf(location);
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
    if (parent.folder === undefined) return this.#climb(parent);
    this.#change(parent.folder);
    return true;
  }

  #climb(parent: Level): boolean {
    const folder = openFolder(this.#at(Buffer.from('..')));
    if (folder !== undefined) {
      const { dev, ino } = fstatSync(folder, { bigint: true });
      this.#change(folder);
      if (dev === parent.device && ino === parent.inode) return true;
    }
    // It was moved: on from the deepest folder that is still held.
    while (this.#levels.at(-1)?.folder === undefined) this.#levels.pop();
    this.#change(this.#levels.at(-1)?.folder as number);
    return true;
  }

  /** Goes to another folder; the one left is closed unless a level keeps it. */
  #change(folder: number): void {
    const isKept = this.#levels.some((level) => level.folder === this.#folder);
    if (!isKept) closeSync(this.#folder);
    this.#folder = folder;
  }

  #at(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#folder}/`), name]);
  }
}

function openRoot(path: string): number {
  return openFolder(Buffer.from(path)) ?? openSync(path, folderFlags);
}

/** Undefined when it is gone, replaced, or cannot be walked. */
function openFolder(location: Buffer): number | undefined {
  return openWalkable(location) ?? (openUp(location) ? openWalkable(location) : undefined);
}

function openWalkable(location: Buffer): number | undefined {
  let folder: number | undefined;
  try {
    folder = openSync(location, folderFlags);
    accessSync(`/proc/self/fd/${folder}/.`, constants.X_OK);
    return folder;
  } catch {
    if (folder !== undefined) closeSync(folder);
    return undefined;
  }
}

/** Gives its owner back what he took away; false where that is not us. */
function openUp(location: Buffer): boolean {
  let handle: number | undefined;
  try {
    handle = openSync(location, pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const file = `/proc/self/fd/${handle}`;
    chmodSync(file, (Number(fstatSync(handle).mode) & 0o7777) | ownerRights);
    return true;
  } catch {
    // Gone, replaced or somebody else's.
    return false;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function statsOf(location: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(location, { bigint: true, throwIfNoEntry: false });
  } catch {
    // Closed to us meanwhile: one name must not hide the others.
    return undefined;
  }
}

function* namesOf(folder: number): Generator<Buffer> {
  // Read in portions: a folder may hold more names than fit into memory at once.
  const entries = opendirSync(`/proc/self/fd/${folder}`, { encoding: 'buffer' as BufferEncoding });
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      // With the encoding `buffer`, which the types do not know here.
      yield entry.name as unknown as Buffer;
    }
  } finally {
    entries.closeSync();
  }
}
