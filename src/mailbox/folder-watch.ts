import { existsSync, type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { sleep } from '../base/deadline.ts';

/**
 * Notices changes below a folder that may not be there yet, in folders made later too. Watches folders only, never
 * each file. Where the system gives no more watchers, callers rely on the time limit of `changed`.
 */
export class FolderWatch {
  readonly #folder: string;
  readonly #watchers = new Map<string, FSWatcher>();
  #hasChanged = false;
  #wake: () => void = () => {};

  constructor(folder: string) {
    this.#folder = folder.replace(/\/$/, '');
  }

  /** Watches what is there now and was not watched before. */
  arm(): void {
    for (const path of this.#watchers.keys()) if (!existsSync(path)) this.#drop(path);
    if (existsSync(this.#folder)) {
      this.#watchTree(this.#folder);
      for (const path of this.#watchers.keys()) if (!isWithin(path, this.#folder)) this.#drop(path);
      return;
    }
    const ancestor = nearestFolder(this.#folder);
    this.#watchFolder(ancestor);
    // It may have been made between the look and the watch; no event tells.
    if (nearestFolder(this.#folder) !== ancestor) this.arm();
  }

  /** Resolves after a change since the last call, after `timeoutMs`, or when aborted. */
  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (!this.#hasChanged) {
      const timer = sleep(timeoutMs, AbortSignal.any([signal, settled.signal])).catch(() => {});
      await Promise.race([woken, timer]);
      settled.abort();
      await timer;
    }
    this.#hasChanged = false;
  }

  close(): void {
    for (const path of this.#watchers.keys()) this.#drop(path);
  }

  #watchTree(folder: string): void {
    if (!this.#watchFolder(folder)) return;
    for (const name of foldersIn(folder)) this.#watchTree(join(folder, name));
  }

  /** Whether the folder is watched now and was not before. */
  #watchFolder(path: string): boolean {
    if (this.#watchers.has(path)) return false;
    try {
      const watcher = watch(path, (_event, name) => this.#onEvent(path, name));
      watcher.on('error', () => this.#drop(path));
      this.#watchers.set(path, watcher);
      return true;
    } catch {
      // Gone again, or no more watchers to have: the time limit of `changed` stands in.
      return false;
    }
  }

  #onEvent(folder: string, name: string | null): void {
    if (name === null || isFolder(join(folder, name)) || !existsSync(folder)) this.arm();
    if (name !== null && isWithin(folder, this.#folder) && isFolder(join(folder, name))) {
      this.#watchTree(join(folder, name));
    }
    this.#hasChanged = true;
    this.#wake();
  }

  #drop(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }
}

function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    // Removed since: there is nothing to watch.
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
