import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeLeftovers } from '../base/leftovers.ts';
import { AppError } from '../contracts/errors.ts';
import { type GitFolder, git, gitStream } from './git.ts';
import { createRepository } from './git-environment.ts';
import { type PatchedFile, parsePatch } from './patch-paths.ts';
import { readTar } from './tar-read.ts';
import { utf8TextOf } from './utf8.ts';

/** Names a tree in a repository: 40 hex characters. */
export type TreeId = string & { readonly TreeId: unique symbol };

export type PatchOutcome = { readonly kind: 'applied'; readonly tree: TreeId } | PatchConflict;

export interface PatchConflict {
  readonly kind: 'conflict';
  readonly path: string;
  /** Header of the hunk that does not fit, when it is a hunk: `@@ -1,3 +1,4 @@ …`. */
  readonly hunk?: string;
}

/** What a tree holds at a path. */
export interface TreeFile {
  readonly mode: string;
  readonly blob: string;
}

/** Of folders that one call works in; one that is left is from a process that was killed. */
const usePrefix = 'use-';

/**
 * A private store of trees in a folder, without a worktree. Fine for several callers at once: trees never change and
 * each call works on an index of its own.
 */
export class WorktreeRepository {
  readonly #folder: GitFolder;
  readonly #gitDir: string;

  private constructor(gitDir: string) {
    this.#gitDir = gitDir;
    this.#folder = { gitDir };
  }

  /** Opens the repository in a folder, made if it is not there. */
  static async open(folder: string): Promise<WorktreeRepository> {
    await createRepository(folder);
    await removeLeftovers(folder, (name) => name.startsWith(usePrefix));
    return new WorktreeRepository(folder);
  }

  async emptyTree(): Promise<TreeId> {
    return treeId(await git(this.#folder, ['mktree'], { input: '' }));
  }

  async importTar(tar: AsyncIterable<Uint8Array>): Promise<TreeId> {
    const importing = ['fast-import', '--quiet', '--done', '--date-format=raw'];
    const output = await git(this.#folder, importing, { input: importStream(tar) });
    const tree = / tree ([0-9a-f]{40})\t/.exec(output.stdout.toString('latin1'))?.[1];
    return tree === undefined ? this.emptyTree() : (tree as TreeId);
  }

  /** Applies one patch, three-way where the tree moved on since it was made. A patch git cannot read: `invalid-input`. */
  async applyPatch(tree: TreeId, patch: Uint8Array): Promise<PatchOutcome> {
    if (patch.length === 0) return { kind: 'applied', tree };
    const files = parsePatch(patch);
    refuseModes(files);
    return this.#withIndex(tree, async (folder) => {
      const applied = await git(folder, ['apply', '--cached', '--3way', '-'], { input: patch, answers: [1, 128] });
      if (applied.exitCode === 0) return { kind: 'applied', tree: treeId(await git(folder, ['write-tree'])) };
      if (applied.exitCode === 128) {
        throw new AppError('invalid-input', 'Cannot apply the patch: git cannot read it', {
          cause: new Error(applied.stderr),
        });
      }
      await git(folder, ['read-tree', tree]);
      const direct = await git(folder, ['apply', '--cached', '--check', '-'], { input: patch, answers: [1] });
      return conflictIn(files, `${direct.stderr}\n${applied.stderr}`);
    });
  }

  /** The same tree gives the same bytes. */
  async *exportTar(tree: TreeId): AsyncGenerator<Uint8Array> {
    // Of a tree alone, git would stamp the files with the time of day.
    const commit = treeId(await git(this.#folder, ['commit-tree', tree, '-m', '']));
    yield* gitStream(this.#folder, ['archive', '--format=tar', commit], { maxBytes: Number.POSITIVE_INFINITY });
  }

  /** What the tree holds at each of the paths that it holds. */
  async filesAt(tree: TreeId, paths: ReadonlySet<string>): Promise<Map<string, TreeFile>> {
    const files = new Map<string, TreeFile>();
    const listed = await git(this.#folder, ['ls-tree', '-r', '-z', '--full-tree', tree]);
    const listing = utf8TextOf(listed.stdout);
    if (listing === undefined) {
      throw new AppError('invalid-input', `Cannot list tree "${tree}": it holds a name that is not UTF-8`);
    }
    for (const line of listing.split('\0')) {
      const [, mode, blob, path] = /^(\d{6}) \w+ ([0-9a-f]{40})\t(.*)$/s.exec(line) ?? [];
      if (mode !== undefined && blob !== undefined && path !== undefined && paths.has(path)) {
        files.set(path, { mode, blob });
      }
    }
    return files;
  }

  /** The tree with each of the paths replaced, or removed where `undefined`. */
  async withFiles(tree: TreeId, files: ReadonlyMap<string, TreeFile | undefined>): Promise<TreeId> {
    if (files.size === 0) return tree;
    const nothing = '0'.repeat(40);
    const lines = [...files].map(([path, file]) => `${file?.mode ?? '0'} ${file?.blob ?? nothing}\t${path}\0`);
    return this.#withIndex(tree, async (folder) => {
      await git(folder, ['update-index', '--replace', '-z', '--index-info'], { input: lines.join('') });
      return treeId(await git(folder, ['write-tree']));
    });
  }

  async writeBlob(content: Uint8Array): Promise<string> {
    const written = await git(this.#folder, ['hash-object', '-w', '--no-filters', '--stdin'], { input: content });
    return written.stdout.toString('latin1').trim();
  }

  async readBlob(blob: string): Promise<Buffer> {
    const options = { maxBytes: Number.POSITIVE_INFINITY };
    return (await git(this.#folder, ['cat-file', 'blob', blob], options)).stdout;
  }

  async #withIndex<T>(tree: TreeId, use: (folder: GitFolder) => Promise<T>): Promise<T> {
    // For a file that tree and patch both add, git writes to the work tree even where it is told to leave it alone.
    const own = join(this.#gitDir, `${usePrefix}${randomBytes(9).toString('hex')}`);
    const folder = { ...this.#folder, indexFile: join(own, 'index'), workTree: join(own, 'tree') };
    try {
      await mkdir(folder.workTree, { recursive: true });
      await git(folder, ['read-tree', tree]);
      return await use(folder);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }
}

async function* importStream(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const branch = `refs/agora/${randomBytes(9).toString('hex')}`;
  yield Buffer.from(`commit ${branch}\ncommitter agora <agora@localhost> 0 +0000\ndata 0\n\n`);
  for await (const entry of readTar(tar)) {
    const path = `"${entry.path.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
    if (entry.kind === 'link') {
      yield Buffer.from(`M 120000 inline ${path}\ndata ${Buffer.byteLength(entry.target)}\n${entry.target}\n`);
      continue;
    }
    yield Buffer.from(`M ${entry.isExecutable ? '100755' : '100644'} inline ${path}\ndata ${entry.sizeBytes}\n`);
    yield* entry.content;
    yield Buffer.from('\n');
  }
  // The tree is told, then the branch forgotten before it is written.
  yield Buffer.from(`ls ""\nreset ${branch}\n\ndone\n`);
}

function refuseModes(files: readonly PatchedFile[]): void {
  for (const file of files) {
    const mode = file.modes.find((found) => !/^(100\d{3}|120000)$/.test(found));
    if (mode === undefined) continue;
    const path = file.newPath ?? file.oldPath;
    throw new AppError('invalid-input', `Cannot apply the patch: "${path}" has mode ${mode}, which is no file or link`);
  }
}

function conflictIn(files: readonly PatchedFile[], stderr: string): PatchConflict {
  for (const { oldPath, newPath, hunks } of files) {
    for (const path of new Set([oldPath, newPath])) {
      if (path === undefined) continue;
      const mark = `error: patch failed: ${path}:`;
      const line = stderr.split('\n').find((text) => text.startsWith(mark));
      const hunk = hunks.find(({ oldLine }) => oldLine === Number(line?.slice(mark.length)));
      if (hunk !== undefined) return { kind: 'conflict', path, hunk: hunk.header };
      if (line !== undefined || stderr.includes(`error: ${path}: `) || `${stderr}\n`.includes(`U ${path}\n`)) {
        return { kind: 'conflict', path };
      }
    }
  }
  return { kind: 'conflict', path: files[0]?.newPath ?? files[0]?.oldPath ?? '' };
}

function treeId(output: { readonly stdout: Buffer }): TreeId {
  return output.stdout.toString('latin1').trim() as TreeId;
}
