import { nodeHash } from './merkle.ts';

export interface InclusionClaim {
  readonly leaf: string;
  readonly index: number;
  readonly size: number;
  readonly root: string;
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: string;
  readonly newSize: number;
  readonly newRoot: string;
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(claim: InclusionClaim, proof: readonly string[]): boolean {
  const { leaf, index, size, root } = claim;
  if (!isSize(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  const place = { index, last: size - 1 };
  let hash = leaf;
  for (const sibling of proof) {
    if (place.last === 0) return false;
    hash = climb(place) === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  }
  return place.last === 0 && hash === root;
}

/** RFC 9162 section 2.1.4.2. A tree without leaves is a prefix of nothing. */
export function verifyConsistency(claim: ConsistencyClaim, proof: readonly string[]): boolean {
  const { oldSize, oldRoot, newSize, newRoot } = claim;
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) return false;
  if (oldSize === newSize) return proof.length === 0 && oldRoot === newRoot;
  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (first === undefined || proof.length === 0) return false;
  const place = { index: oldSize - 1, last: newSize - 1 };
  while (isOdd(place.index)) shift(place);
  let [oldHash, newHash] = [first, first];
  for (const sibling of rest) {
    if (place.last === 0) return false;
    if (climb(place) === 'left') {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
    } else {
      newHash = nodeHash(newHash, sibling);
    }
  }
  return place.last === 0 && oldHash === oldRoot && newHash === newRoot;
}

interface Place {
  index: number;
  last: number;
}

/** Goes up to the next node that has a sibling in the proof, and says on which side that sibling is. */
function climb(place: Place): 'left' | 'right' {
  const isLeftSibling = isOdd(place.index) || place.index === place.last;
  if (isLeftSibling) while (!isOdd(place.index) && place.index !== 0) shift(place);
  shift(place);
  return isLeftSibling ? 'left' : 'right';
}

// Division instead of bit shifts: sizes may pass 2^31.
function shift(place: Place): void {
  place.index = Math.floor(place.index / 2);
  place.last = Math.floor(place.last / 2);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
