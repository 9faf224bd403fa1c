import { AppError } from '../contracts/errors.ts';
import { type Digest, digestOfRef } from '../contracts/ids.ts';
import { limits } from '../contracts/names.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';
import { type TreeId, WorktreeRepository } from '../worktree/repository.ts';
import type { PatchSource } from './executor.ts';

export type Composed =
  | { readonly kind: 'composed'; readonly tar: StoredBlob }
  | { readonly kind: 'conflict'; readonly message: string };

type Tree = { readonly kind: 'tree'; readonly tree: TreeId } | { readonly kind: 'conflict'; readonly message: string };

/** The worktrees of one run: its source with patches applied, in order, each combination made once. */
export class ComposedWorktrees {
  readonly #folder: string;
  readonly #storage: Storage;
  readonly #trees = new Map<string, Promise<Tree>>();
  readonly #composed = new Map<string, Promise<Composed>>();
  #repository: Promise<WorktreeRepository> | undefined;

  constructor(folder: string, storage: Storage) {
    this.#folder = folder;
    this.#storage = storage;
  }

  /** A tar of the worktree, in storage. Without patches that is the source itself. */
  async compose(source: Digest | undefined, patches: readonly PatchSource[]): Promise<Composed> {
    if (patches.length === 0 && source !== undefined) {
      const tar = await this.#storage.statBlob(source);
      if (tar === undefined)
        throw new AppError('not-found', `Cannot start from source "${source}": it is not in storage`);
      return { kind: 'composed', tar };
    }
    return remembered(this.#composed, keyOf(source, patches), () => this.#export(source, patches));
  }

  async readPatch(digest: Digest): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#storage.getBlob(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #export(source: Digest | undefined, patches: readonly PatchSource[]): Promise<Composed> {
    const made = await this.#treeOf(source, patches);
    if (made.kind === 'conflict') return made;
    const repository = await this.#open();
    return {
      kind: 'composed',
      tar: await this.#storage.putBlob(repository.exportTar(made.tree), { maxBytes: limits.sourceBytes }),
    };
  }

  /** Each list of patches builds on the list without its last, so that items share what they have in common. */
  async #treeOf(source: Digest | undefined, patches: readonly PatchSource[]): Promise<Tree> {
    let tree = await remembered(this.#trees, keyOf(source, []), () => this.#import(source));
    for (let count = 1; count <= patches.length && tree.kind === 'tree'; count++) {
      const base = tree.tree;
      const patch = patches[count - 1] as PatchSource;
      tree = await remembered(this.#trees, keyOf(source, patches.slice(0, count)), () => this.#apply(base, patch));
    }
    return tree;
  }

  async #import(source: Digest | undefined): Promise<Tree> {
    const repository = await this.#open();
    const tree =
      source === undefined ? await repository.emptyTree() : await repository.importTar(this.#storage.getBlob(source));
    return { kind: 'tree', tree };
  }

  async #apply(base: TreeId, patch: PatchSource): Promise<Tree> {
    const repository = await this.#open();
    const applied = await repository.applyPatch(base, await this.readPatch(digestOfRef(patch.ref)));
    if (applied.kind === 'applied') return { kind: 'tree', tree: applied.tree };
    const place = applied.hunk === undefined ? applied.path : `${applied.path} ${applied.hunk}`;
    return { kind: 'conflict', message: `the patch of "${patch.item}" does not apply to its worktree at ${place}` };
  }

  #open(): Promise<WorktreeRepository> {
    this.#repository ??= WorktreeRepository.open(this.#folder);
    return this.#repository;
  }
}

function keyOf(source: Digest | undefined, patches: readonly PatchSource[]): string {
  return [source ?? '', ...patches.map((patch) => digestOfRef(patch.ref))].join(' ');
}

/** A failure is not remembered: the next asker tries again. */
function remembered<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}
