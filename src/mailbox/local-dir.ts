import type { Dirent } from 'node:fs';
import { readdir, readFile, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makePrivateFolder, writeFileAtomically } from '../base/atomic-file.ts';
import { removeLeftovers } from '../base/leftovers.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { retry } from '../base/retry.ts';
import { systemErrorCode } from '../contracts/errors.ts';
import { checkedKey, checkedPrefix, isSegment } from './checked-key.ts';
import { FolderWatch } from './folder-watch.ts';
import type { Mailbox, MailboxListOptions, MailboxPutOptions } from './mailbox.ts';

// Not a valid segment, so no key and no listing can ever meet an unfinished message.
const temporaryName = '~unfinished';
/** How often a watcher looks although no event came. */
const backstopMs = 1_000;

/** A mailbox in a folder: a message is the file of its key. The folder is made on first write. */
export class LocalDirMailbox implements Mailbox {
  readonly root: string;
  #swept: Promise<void> | undefined;

  constructor(root: string) {
    this.root = root;
  }

  async put(key: string, text: string, { durable = false }: MailboxPutOptions = {}): Promise<void> {
    const file = this.#file(key);
    const temporaryFolder = join(this.root, temporaryName);
    this.#swept ??= removeLeftovers(temporaryFolder);
    await this.#swept;
    // A reader that deletes the last message of a folder removes the folder, maybe just before our rename into it.
    await retry(
      async () => {
        await makePrivateFolder(temporaryFolder, { durable });
        await makePrivateFolder(dirname(file), { durable });
        await writeFileAtomically(file, text, { durable, temporaryFolder });
      },
      { attempts: 10, delayMs: 1, isRetryable: (error) => systemErrorCode(error) === 'ENOENT' },
    );
  }

  async get(key: string): Promise<string | undefined> {
    return undefinedIfMissing(readFile(this.#file(key), 'utf8'));
  }

  async size(key: string): Promise<number | undefined> {
    const found = await undefinedIfMissing(stat(this.#file(key)));
    return found?.isFile() === true ? found.size : undefined;
  }

  async list(prefix: string, { after = '' }: MailboxListOptions = {}): Promise<string[]> {
    const keys: string[] = [];
    const waiting = [checkedPrefix(prefix)];
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      for (const entry of await this.#entries(folder)) {
        const path = `${folder}${entry.name}`;
        // Every key in a folder starts with its path, so the folder is skipped when even its last key comes before.
        if (entry.isDirectory() && (`${path}/` > after || after.startsWith(`${path}/`))) waiting.push(`${path}/`);
        else if (entry.isFile() && path > after) keys.push(path);
      }
    }
    return keys.sort();
  }

  async folders(prefix: string): Promise<string[]> {
    const entries = await this.#entries(checkedPrefix(prefix));
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  }

  async delete(key: string): Promise<void> {
    const file = this.#file(key);
    await undefinedIfMissing(unlink(file));
    // Folders of taken messages would pile up. One that is not empty, or gone already, stays as it is.
    await rmdir(dirname(file)).catch(() => {});
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<void> {
    const folder = join(this.root, checkedPrefix(prefix));
    const watch = new FolderWatch(folder);
    try {
      while (!signal.aborted) {
        watch.arm();
        yield;
        await watch.changed(backstopMs, signal);
      }
    } finally {
      watch.close();
    }
  }

  async #entries(prefix: string): Promise<Dirent[]> {
    const entries = await undefinedIfMissing(readdir(join(this.root, prefix), { withFileTypes: true }));
    return (entries ?? []).filter((entry) => isSegment(entry.name));
  }

  #file(key: string): string {
    return join(this.root, checkedKey(key));
  }
}
