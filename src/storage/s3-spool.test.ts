import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { partBytes, spool } from './s3-spool.ts';

const run = promisify(execFile);
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

const md5 = (content: Uint8Array) => createHash('md5').update(content).digest();

const whole = async (body: Buffer | Readable) => (Buffer.isBuffer(body) ? body : buffer(body));

/** The same buffer each time, as some sources give it. */
async function* reusing(content: Buffer, chunkBytes: number) {
  const chunk = Buffer.alloc(chunkBytes);
  for (let from = 0; from < content.length; from += chunkBytes) {
    const length = content.copy(chunk, 0, from);
    yield chunk.subarray(0, length);
  }
}

test('a folder that is not there is made; one without room is told', {
  skip: !isRoot && 'mounting needs root',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-spool-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'agora-test', folder]);
  t.after(async () => {
    await run('umount', ['-l', folder]);
    await rm(folder, { recursive: true, force: true });
  });
  const below = join(folder, 'spool');
  const content = randomBytes(partBytes + 1);

  const spooled = await spool(reusing(content, 300_001), {}, below);
  await spooled.close();
  await assert.rejects(
    spool(reusing(randomBytes(2 * partBytes), 300_001), {}, below),
    (error) => isAppError(error, 'disk-full') && error.message.includes(below),
  );

  assert.equal(spooled.digest, digestOf(content));
  assert.deepEqual(await readdir(below), []);
});

for (const sizeBytes of [0, 1, partBytes, partBytes + 1, 2 * partBytes, 2.5 * partBytes]) {
  test(`content of ${sizeBytes} bytes comes back whole as often as asked for, with the ETag that S3 will give it`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'agora-spool-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const content = randomBytes(sizeBytes);
    const pieces = Array.from({ length: Math.ceil(sizeBytes / partBytes) || 1 }, (_, index) =>
      content.subarray(index * partBytes, (index + 1) * partBytes),
    );
    const hashes = pieces.map(md5);
    const etag =
      hashes.length === 1
        ? md5(content).toString('hex')
        : `${md5(Buffer.concat(hashes)).toString('hex')}-${hashes.length}`;

    for (const source of [content, reusing(content, 300_001)]) {
      const spooled = await spool(source, {}, folder);

      assert.equal(spooled.digest, digestOf(content));
      assert.equal(spooled.etag, etag);
      const givenUp = spooled.body();
      if (!Buffer.isBuffer(givenUp)) givenUp.destroy();
      for (let time = 0; time < 2; time++) assert.deepEqual(await whole(spooled.body()), content);
      assert.deepEqual(await readdir(folder), [], 'nothing that a crash would leave');
      await spooled.close();
    }
  });
}
