import { hash } from 'node:crypto';

/** RFC 6962 trees over leaf hashes. Hashes are lower-case hex throughout. */
export const emptyRoot = hash('sha256', '');

export function leafHash(leaf: Uint8Array | string): string {
  return hash('sha256', Buffer.concat([Buffer.of(0), Buffer.from(leaf)]));
}

export function nodeHash(left: string, right: string): string {
  return hash('sha256', Buffer.from(`01${left}${right}`, 'hex'));
}

/** Takes leaf hashes one by one and keeps only the roots of the full subtrees, at most one per power of two. */
export class TreeHasher {
  readonly #subtrees: { readonly size: number; readonly root: string }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(leaf: string): void {
    this.#size += 1;
    let subtree = { size: 1, root: leaf };
    for (let last = this.#subtrees.at(-1); last?.size === subtree.size; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      subtree = { size: last.size * 2, root: nodeHash(last.root, subtree.root) };
    }
    this.#subtrees.push(subtree);
  }

  root(): string {
    const last = this.#subtrees.at(-1);
    if (last === undefined) return emptyRoot;
    return this.#subtrees.slice(0, -1).reduceRight((right, left) => nodeHash(left.root, right), last.root);
  }
}

export function treeRoot(leaves: Iterable<string>): string {
  const tree = new TreeHasher();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}

/** The path that shows leaf `index` is in the tree of these leaves. */
export function inclusionProof(leaves: readonly string[], index: number): string[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`Cannot prove leaf ${index}: the tree has ${leaves.length} leaves`);
  }
  if (leaves.length === 1) return [];
  const split = largestPowerOfTwoBelow(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...inclusionProof(left, index), treeRoot(right)]
    : [...inclusionProof(right, index - split), treeRoot(left)];
}

/** The path that shows the tree of the first `oldSize` leaves is a prefix of the tree of all of them. */
export function consistencyProof(leaves: readonly string[], oldSize: number): string[] {
  if (!Number.isInteger(oldSize) || oldSize < 1 || oldSize > leaves.length) {
    throw new RangeError(`Cannot prove a prefix of ${oldSize}: the tree has ${leaves.length} leaves`);
  }
  return prefixPath(leaves, oldSize, true);
}

function prefixPath(leaves: readonly string[], oldSize: number, isWholeOldTree: boolean): string[] {
  if (oldSize === leaves.length) return isWholeOldTree ? [] : [treeRoot(leaves)];
  const split = largestPowerOfTwoBelow(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return oldSize <= split
    ? [...prefixPath(left, oldSize, isWholeOldTree), treeRoot(right)]
    : [...prefixPath(right, oldSize - split, false), treeRoot(left)];
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
