import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
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
  const taken = { put: [], rawPut: [], get: [], rawGet: [] } satisfies Record<string, number[]>;
  const times: Record<keyof typeof taken, number[]> = taken;
  // In turns, so that what else the machine does meets both alike.
  for (let round = 0; round <= rounds; round++) {
    const [ours, raw] = [randomBytes(sizeBytes), randomBytes(sizeBytes)];
    let digest: Awaited<ReturnType<typeof storage.putBlob>>['digest'] | undefined;
    const put = await timed(async () => {
      digest = (await storage.putBlob(ours)).digest;
    });
    const rawPut = await timed(() => client.send(new PutObjectCommand({ Bucket, Key: 'raw', Body: raw })));
    const get = await timed(() => buffer(storage.getBlob(digest as NonNullable<typeof digest>)));
    const rawGet = await timed(async () => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'raw' }));
      await Body?.transformToByteArray();
    });
    // The first opens connections.
    if (round > 0)
      for (const [name, value] of Object.entries({ put, rawPut, get, rawGet }))
        times[name as keyof typeof times].push(value);
  }
  const row = (what: string, ours: number[], raw: number[]): Row => ({
    figure: `S3: ${what} ${title}`,
    value: `${milliseconds(at(ours, 0.5))} p50`,
    target: '-',
    floor: `SDK alone ${milliseconds(at(raw, 0.5))}`,
  });
  return [row('put', times.put, times.rawPut), row('get', times.get, times.rawGet)];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
