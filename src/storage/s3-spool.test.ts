import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { digestOf } from '../base/hash.ts';
import { partBytes, spool } from './s3-spool.ts';

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
      for (let time = 0; time < 2; time++) assert.deepEqual(await whole(spooled.body()), content);
      assert.deepEqual(await readdir(folder), [], 'nothing that a crash would leave');
      await spooled.close();
    }
  });
}
