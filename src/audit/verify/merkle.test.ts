import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { consistencyProof, emptyRoot, inclusionProof, leafHash, TreeHasher, treeRoot } from './merkle.ts';
import { verifyConsistency, verifyInclusion } from './merkle-proof.ts';

// Leaves and roots of the Certificate Transparency reference tree (transparency-dev/merkle, testdata).
const knownLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const knownRoots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

function leavesOf(size: number): string[] {
  return Array.from({ length: size }, (_, index) => leafHash(`leaf ${index}`));
}

test('roots are those of the Certificate Transparency reference tree', () => {
  const tree = new TreeHasher();
  const roots = knownLeaves.map((leaf) => {
    tree.append(leafHash(Buffer.from(leaf, 'hex')));
    return tree.root();
  });

  assert.deepEqual(roots, knownRoots);
  assert.equal(emptyRoot, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.equal(new TreeHasher().root(), emptyRoot);
});

test('every leaf of every tree up to 40 has a proof, which holds for no other leaf, index, size or root', () => {
  for (let size = 1; size <= 40; size += 1) {
    const leaves = leavesOf(size);
    const root = treeRoot(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const proof = inclusionProof(leaves, index);
      const claim = { leaf, index, size, root };
      assert.equal(verifyInclusion(claim, proof), true);
      assert.equal(verifyInclusion({ ...claim, leaf: leafHash('other') }, proof), false);
      assert.equal(verifyInclusion({ ...claim, index: (index + 1) % size }, proof), size === 1);
      assert.equal(verifyInclusion({ ...claim, root: emptyRoot }, proof), false);
      assert.equal(verifyInclusion(claim, [...proof, leaf]), false);
      if (proof.length > 0) assert.equal(verifyInclusion(claim, proof.slice(1)), false);
    }
  }
});

test('every tree up to 40 is shown to extend each of its prefixes, and no other tree', () => {
  for (let newSize = 1; newSize <= 40; newSize += 1) {
    const leaves = leavesOf(newSize);
    const newRoot = treeRoot(leaves);
    for (let oldSize = 1; oldSize <= newSize; oldSize += 1) {
      const oldRoot = treeRoot(leaves.slice(0, oldSize));
      const proof = consistencyProof(leaves, oldSize);
      const claim = { oldSize, oldRoot, newSize, newRoot };
      assert.equal(verifyConsistency(claim, proof), true, `${oldSize} of ${newSize}`);
      assert.equal(verifyConsistency({ ...claim, oldRoot: emptyRoot }, proof), false);
      assert.equal(verifyConsistency({ ...claim, newRoot: emptyRoot }, proof), false);
      assert.equal(verifyConsistency(claim, [...proof, newRoot]), false);
      if (proof.length > 0) assert.equal(verifyConsistency(claim, proof.slice(0, -1)), false);
    }
  }
});

test('a proof with any hash changed is refused', () => {
  const sizes = fc
    .integer({ min: 2, max: 300 })
    .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat()));
  fc.assert(
    fc.property(sizes, ([size, index, choice]) => {
      const leaves = leavesOf(size);
      const root = treeRoot(leaves);
      const proof = inclusionProof(leaves, index);
      const forged = proof.with(choice % proof.length, leafHash('forged'));
      assert.equal(verifyInclusion({ leaf: leaves[index] as string, index, size, root }, proof), true);
      assert.equal(verifyInclusion({ leaf: leaves[index] as string, index, size, root }, forged), false);
    }),
    { numRuns: 60 },
  );
});

test('a tree without leaves proves nothing and is a prefix of nothing', () => {
  assert.throws(() => inclusionProof([], 0), RangeError);
  assert.throws(() => consistencyProof(leavesOf(3), 0), RangeError);
  assert.equal(verifyInclusion({ leaf: emptyRoot, index: 0, size: 0, root: emptyRoot }, []), false);
  assert.equal(verifyConsistency({ oldSize: 0, oldRoot: emptyRoot, newSize: 0, newRoot: emptyRoot }, []), false);
});
