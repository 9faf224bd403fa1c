import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { digestOf } from '../src/base/hash.ts';
import { digestSchema } from '../src/contracts/ids.ts';
import { S3StorageProvider } from '../src/storage/s3.ts';
import { s3Obstacle, startS3Server } from '../test/support/s3-server.ts';
import { at, milliseconds, type Row } from './table.ts';

const sizes = [
  { title: '1 KB', sizeBytes: 1_000, rounds: 100 },
  { title: '64 MB', sizeBytes: 64_000_000, rounds: 5 },
] as const;

/** What storing and reading bytes takes, found whole by their hash, beside the same bytes through the SDK's client alone. */
export async function s3Rows(): Promise<Row[]> {
  const obstacle = await s3Obstacle();
  if (obstacle) return [{ figure: 'S3', value: obstacle, target: '-', floor: '-' }];
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const server = await startS3Server({ after: (end) => void ends.unshift(end) });
    const bucket = await server.makeBucket();
    const client = server.client();
    const storage = new S3StorageProvider({ bucket, client });
    const rows: Row[] = [];
    for (const size of sizes) rows.push(...(await rowsOf(size, { bucket, client, storage })));
    return rows;
  } finally {
    for (const end of ends) await end();
  }
}

interface Place {
  readonly bucket: string;
  readonly client: S3Client;
  readonly storage: S3StorageProvider;
}

async function rowsOf(
  { title, sizeBytes, rounds }: (typeof sizes)[number],
  { bucket: Bucket, client, storage }: Place,
): Promise<Row[]> {
  const put: number[] = [];
  const rawPut: number[] = [];
  const get: number[] = [];
  const rawGet: number[] = [];
  // In turns, so that what else the machine does meets both alike.
  for (let round = 0; round <= rounds; round++) {
    const [ours, raw] = [randomBytes(sizeBytes), randomBytes(sizeBytes)];
    const digest = digestSchema.parse(digestOf(ours));
    put.push(await timed(() => storage.putBlob(ours)));
    rawPut.push(await timed(() => client.send(new PutObjectCommand({ Bucket, Key: 'raw', Body: raw }))));
    get.push(await timed(() => buffer(storage.getBlob(digest))));
    rawGet.push(
      await timed(async () => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'raw' }));
        await Body?.transformToByteArray();
      }),
    );
  }
  // The first opens connections.
  const middle = (taken: readonly number[]) => milliseconds(at(taken.slice(1), 0.5));
  const row = (what: string, ours: readonly number[], raw: readonly number[]): Row => ({
    figure: `S3: ${what} ${title}`,
    value: `${middle(ours)} p50`,
    target: '-',
    floor: `SDK alone ${middle(raw)}`,
  });
  return [row('put', put, rawPut), row('get', get, rawGet)];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
