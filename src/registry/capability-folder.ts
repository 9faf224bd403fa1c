import { constants } from 'node:fs';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { capabilityLimits } from '../contracts/capability.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { CapabilityFile, CapabilityFileSource } from './capability-files.ts';
import { pathProblem } from './capability-paths.ts';

export interface ReadFolderOptions {
  /** Put before each path: the folder they get in the worktree, with `/` at its end. Default: ''. */
  readonly prefix?: string;
}

/**
 * The files of a folder, by path. Links and everything that is neither file nor folder are refused with their place, as
 * are names no capability may hold; empty folders are passed over. Nothing is read yet.
 */
export async function readCapabilityFolder(
  folder: string,
  { prefix = '' }: ReadFolderOptions = {},
): Promise<Record<string, CapabilityFile>> {
  await checkFolder(folder);
  const walk = new Walk(folder, prefix);
  await walk.all();
  return Object.fromEntries(walk.files);
}

class Walk {
  readonly files = new Map<string, CapabilityFileSource>();
  readonly #folder: string;
  readonly #prefix: string;
  #folders = 0;

  constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  async all(): Promise<void> {
    const waiting = [''];
    for (let inner = waiting.pop(); inner !== undefined; inner = waiting.pop()) {
      this.#folders += 1;
      for (const name of await this.#namesIn(inner)) {
        const path = inner === '' ? name : `${inner}/${name}`;
        if ((await this.#take(path)) === 'folder') waiting.push(path);
        if (this.files.size > capabilityLimits.files || this.#folders + waiting.length > capabilityLimits.files) {
          const most = capabilityLimits.files;
          throw new AppError('limit-exceeded', `Cannot take "${this.#folder}": more than ${most} files or folders`, {
            next: 'Name a folder that holds only what its subagents need.',
          });
        }
      }
    }
  }

  async #take(path: string): Promise<'file' | 'folder'> {
    const full = join(this.#folder, path);
    const problem = pathProblem(`${this.#prefix}${path}`);
    if (problem !== undefined) throw refusal(full, `its path ${problem}`);
    const found = await lstat(full).catch((cause) => refuseRead(full, cause));
    if (found.isDirectory()) return 'folder';
    if (found.isSymbolicLink()) throw refusal(full, 'it is a link', 'Put the file it leads to in its place.');
    if (!found.isFile()) throw refusal(full, 'it is neither a file nor a folder');
    const isExecutable = (found.mode & 0o100) !== 0;
    this.files.set(`${this.#prefix}${path}`, { sizeBytes: found.size, isExecutable, open: () => readFileIn(full) });
    return 'file';
  }

  // As bytes: a name that is not UTF-8 would be turned into another one.
  async #namesIn(inner: string): Promise<string[]> {
    const folder = join(this.#folder, inner);
    const entries = await readdir(Buffer.from(folder), { encoding: 'buffer' }).catch((cause) =>
      refuseRead(folder, cause),
    );
    return entries.map((bytes) => {
      const name = bytes.toString('utf8');
      if (Buffer.from(name).equals(bytes)) return name;
      throw refusal(folder, `the name ${JSON.stringify(bytes.toString('latin1'))} in it is not UTF-8`);
    });
  }
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: unknown) => {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? '');
    throw new AppError(
      'invalid-input',
      `Cannot take "${folder}": ${isMissing ? 'there is no such folder' : 'it cannot be read'}`,
      {
        cause,
      },
    );
  });
  if (!found.isDirectory()) throw new AppError('invalid-input', `Cannot take "${folder}": it is not a folder`);
}

async function* readFileIn(path: string): AsyncGenerator<Uint8Array> {
  // What was a file a moment ago may be a link or a pipe by now.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((cause) => refuseRead(path, cause));
  try {
    if (!(await file.stat()).isFile()) throw refusal(path, 'it is no file any more');
    yield* file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>;
  } finally {
    await file.close();
  }
}

function refuseRead(path: string, cause: unknown): never {
  const states: Readonly<Record<string, string>> = {
    EACCES: 'it may not be read',
    EPERM: 'it may not be read',
    ENOENT: 'it is not there any more',
    ENOTDIR: 'it is not there any more',
    ELOOP: 'it is a link by now',
  };
  throw refusal(path, states[systemErrorCode(cause) ?? ''] ?? 'it cannot be read', undefined, cause);
}

function refusal(path: string, state: string, next?: string, cause?: unknown): AppError {
  const message = `Cannot take ${JSON.stringify(path)} into a capability: ${state}`;
  return new AppError('source-refused', message, { cause, ...(next === undefined ? {} : { next }) });
}
