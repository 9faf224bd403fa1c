import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { packFiles, unpackFiles } from './file-pack.ts';

test('files come out of a pack as they went in', () => {
  const files = [
    { path: 'task.json', bytes: Buffer.from('{"a":1}\n') },
    { path: 'inputs/empty', bytes: Buffer.alloc(0) },
    { path: 'inputs/a "name"\n', bytes: Buffer.from([0, 10, 255]) },
  ];

  const unpacked = unpackFiles(packFiles(files));

  assert.deepEqual(
    unpacked.map(({ path, bytes }) => ({ path, bytes: Buffer.from(bytes) })),
    files,
  );
});

test('a pack that is not whole, or whose paths leave the folder, is refused', () => {
  const whole = packFiles([{ path: 'a', bytes: Buffer.from('abc') }]);
  const hostile = ['/etc/passwd', '../a', 'a/../../b', '', 'a//b', 'a\0b'].map((path) =>
    packFiles([{ path, bytes: Buffer.alloc(0) }]),
  );
  const broken = [
    whole.subarray(0, -1),
    Buffer.concat([whole, whole]),
    Buffer.from('{}\n'),
    Buffer.from('[["a",-1]]\n'),
  ];

  for (const pack of [...hostile, ...broken])
    assert.throws(
      () => unpackFiles(pack),
      (error) => isAppError(error, 'invalid-input'),
    );
});
