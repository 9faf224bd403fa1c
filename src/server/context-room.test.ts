import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { specLimits } from '../contracts/host-spec.ts';
import { digestSchema } from '../contracts/ids.ts';
import { type ContextPlace, type KeptContext, refuseHostBytes, roomFor } from './context-room.ts';

const mebibyte = 1024 ** 2;
const limits = { hostBytes: 50 * mebibyte, totalBytes: 100 * mebibyte };

function aContext(name: string, changes: Partial<KeptContext> = {}): KeptContext {
  const digest = digestSchema.parse(digestOf(name));
  return { digest, sizeBytes: 30 * mebibyte, usedAtMs: 0, isNeeded: false, ...changes };
}

function aPlace(changes: Partial<ContextPlace> = {}): ContextPlace {
  const disk = { freeBytes: 10_000 * mebibyte, totalBytes: 20_000 * mebibyte };
  return { limits, kept: [], comingBytes: 0, unwrittenBytes: 0, disk, ...changes };
}

test('nothing goes while there is room', () => {
  assert.deepEqual(roomFor(10 * mebibyte, aPlace({ kept: [aContext('a'), aContext('b'), aContext('c')] })), []);
});

test('those that nobody needs go, the oldest first, and no more of them than it takes', () => {
  const newest = aContext('newest', { usedAtMs: 3 });
  const oldest = aContext('oldest', { usedAtMs: 1 });
  const needed = aContext('needed', { isNeeded: true });

  assert.deepEqual(roomFor(20 * mebibyte, aPlace({ kept: [newest, needed, oldest] })), [oldest]);
  assert.deepEqual(roomFor(50 * mebibyte, aPlace({ kept: [newest, needed, oldest] })), [oldest, newest]);
});

test('where all are needed, or are just being handed in, another one is refused with the sizes', () => {
  const kept = [aContext('a', { isNeeded: true }), aContext('b')];
  const isRefused = (error: unknown) =>
    isAppError(error, 'limit-exceeded') &&
    /context of 60\.0 MiB: .* 50\.0 MiB .* may keep 100 MiB$/.test(error.message);

  assert.throws(() => roomFor(60 * mebibyte, aPlace({ kept, comingBytes: 20 * mebibyte })), isRefused);
  assert.throws(
    () => roomFor(specLimits.contextBytes + 1, aPlace({ limits: { ...limits, totalBytes: 10 ** 12 } })),
    (error) => isAppError(error, 'limit-exceeded') && /it may have 2\.0 GiB$/.test(error.message),
  );
});

test('a disk that is nearly full makes room of what nobody needs, then refuses', () => {
  const disk = { freeBytes: 60 * mebibyte, totalBytes: 1_000 * mebibyte };
  const kept = [aContext('a')];

  assert.deepEqual(roomFor(10 * mebibyte, aPlace({ disk, kept })), []);
  assert.deepEqual(roomFor(30 * mebibyte, aPlace({ disk, kept })), kept);
  assert.throws(
    () => roomFor(20 * mebibyte, aPlace({ disk, unwrittenBytes: 10 * mebibyte })),
    (error) => isAppError(error, 'disk-full') && /60\.0 MiB left, and 50\.0 MiB of it stay free$/.test(error.message),
  );
});

test('what the spec of one host may name is bounded', () => {
  refuseHostBytes(limits.hostBytes, limits);
  assert.throws(
    () => refuseHostBytes(limits.hostBytes + mebibyte, limits),
    (error) => isAppError(error, 'limit-exceeded') && /51\.0 MiB, .* 50\.0 MiB$/.test(error.message),
  );
});
