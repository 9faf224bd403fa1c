import { join } from 'node:path';
import { patchPaths } from './patch-paths.ts';
import { type TreeFile, type TreeId, WorktreeRepository } from './repository.ts';
import { uncommittedPaths } from './source-state.ts';
import { readTargets, sameFile, type Target, type TargetFile } from './target-files.ts';
import { type FileChange, writeChanges } from './write-changes.ts';

export interface ItemPatch {
  readonly itemId: string;
  readonly bytes: Uint8Array;
}

export interface ApplyRequest {
  readonly directory: string;
  /** Tar of what the run started from. */
  readonly snapshot: AsyncIterable<Uint8Array>;
  /** In the order the run applied them. */
  readonly patches: readonly ItemPatch[];
  /** A folder of ours for objects and indexes. */
  readonly workFolder: string;
}

export type ApplyOutcome =
  | { readonly kind: 'applied' | 'already-applied'; readonly files: readonly string[] }
  | { readonly kind: 'conflict'; readonly itemId: string; readonly path: string; readonly hunk?: string }
  | { readonly kind: 'dirty'; readonly paths: readonly string[] };

/**
 * Brings patches into the directory a run started from. All of it is worked out in a repository of our own first; only
 * when everything fits are files replaced, one rename each. The directory's own repository is only read.
 */
export async function applyPatches(request: ApplyRequest): Promise<ApplyOutcome> {
  const repository = await WorktreeRepository.open(join(request.workFolder, 'objects'));
  const start = await repository.importTar(request.snapshot);
  const end = await applyAll(repository, start, request.patches);
  if (end.kind === 'conflict') return end;

  const paths = new Set(request.patches.flatMap((patch) => patchPaths(patch.bytes)));
  const [startFiles, endFiles] = [await repository.filesAt(start, paths), await repository.filesAt(end.tree, paths)];
  const targets = await readTargets(request.directory, paths, (path) => paths.has(path) && !endFiles.has(path));
  const pending = [...paths].filter((path) => !isAt(targets.get(path), endFiles.get(path))).sort();
  const all = [...paths].sort();
  if (pending.length === 0) return { kind: 'already-applied', files: all };

  const dirty = await dirtyPaths(request, pending, { targets, startFiles });
  if (dirty.length > 0) return { kind: 'dirty', paths: dirty };

  const moved = pending.filter((path) => !isAt(targets.get(path), startFiles.get(path)));
  const merged = await mergeMoved(repository, request.patches, { start, end: end.tree, moved, targets });
  if (merged.kind === 'conflict') return merged;

  const mergedFiles = moved.length === 0 ? endFiles : await repository.filesAt(merged.tree, paths);
  const changes = changesOf(pending, targets, mergedFiles);
  await writeChanges(repository, request.directory, changes);
  const files = changes.map((change) => change.path);
  return files.length === 0 ? { kind: 'already-applied', files: all } : { kind: 'applied', files };
}

type Applied = { readonly kind: 'applied'; readonly tree: TreeId } | Extract<ApplyOutcome, { kind: 'conflict' }>;

async function applyAll(
  repository: WorktreeRepository,
  start: TreeId,
  patches: readonly ItemPatch[],
): Promise<Applied> {
  let tree = start;
  for (const { itemId, bytes } of patches) {
    const outcome = await repository.applyPatch(tree, bytes);
    if (outcome.kind === 'conflict') return { ...outcome, itemId };
    tree = outcome.tree;
  }
  return { kind: 'applied', tree };
}

interface Moved {
  readonly start: TreeId;
  readonly end: TreeId;
  /** Paths that are committed in another form than the run started from. */
  readonly moved: readonly string[];
  readonly targets: ReadonlyMap<string, Target>;
}

async function mergeMoved(
  repository: WorktreeRepository,
  patches: readonly ItemPatch[],
  { start, end, moved, targets }: Moved,
): Promise<Applied> {
  if (moved.length === 0) return { kind: 'applied', tree: end };
  const current = new Map<string, TreeFile | undefined>();
  for (const path of moved) {
    const file = fileAt(targets.get(path));
    if (file !== undefined) await repository.writeBlob(file.content);
    current.set(path, file && { mode: file.mode, blob: file.blob });
  }
  return applyAll(repository, await repository.withFiles(start, current), patches);
}

interface Known {
  readonly targets: ReadonlyMap<string, Target>;
  readonly startFiles: ReadonlyMap<string, TreeFile>;
}

async function dirtyPaths(request: ApplyRequest, paths: readonly string[], known: Known): Promise<string[]> {
  const state = await uncommittedPaths(request.directory, join(request.workFolder, 'state'));
  return paths.filter((path) => {
    const target = known.targets.get(path);
    if (target?.kind === 'blocked') return true;
    if (state?.changed.has(path) === true) return true;
    if (state?.tracked.has(path) === true || isAt(target, known.startFiles.get(path))) return false;
    // In a repository a file that is gone and not tracked may have been removed by a commit: the merge decides.
    return state === undefined || target?.kind === 'file';
  });
}

function changesOf(
  paths: readonly string[],
  targets: ReadonlyMap<string, Target>,
  wanted: ReadonlyMap<string, TreeFile>,
): FileChange[] {
  return paths.flatMap((path) => {
    const target = targets.get(path);
    const file = wanted.get(path);
    if (isAt(target, file)) return [];
    const current = fileAt(target);
    return [{ path, file, permissions: current?.mode === '120000' ? undefined : current?.permissions }];
  });
}

function isAt(target: Target | undefined, file: TreeFile | undefined): boolean {
  // With something else in its place, a file that is to be gone is gone.
  if (target?.kind === 'blocked') return file === undefined;
  return sameFile(fileAt(target), file);
}

function fileAt(target: Target | undefined): TargetFile | undefined {
  return target?.kind === 'file' ? target.file : undefined;
}
