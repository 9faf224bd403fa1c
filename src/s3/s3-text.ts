import type { S3Client } from '@aws-sdk/client-s3';
import { digestOf } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import { type AskOptions, s3Sdk } from './s3-bucket.ts';

/** Of the text, beside it: not every service checks what comes in or goes out. */
const digestField = 'agora-digest';

/** What a put says of a text. */
export function textContent(text: string) {
  return {
    Body: Buffer.from(text),
    ContentType: 'application/json',
    Metadata: { [digestField]: digestOf(text) },
    ChecksumAlgorithm: 'SHA256',
  } as const;
}

export interface TextObject {
  readonly at: { readonly Bucket: string; readonly Key: string };
  /** For people, as in `message "a.json" in s3://bucket/`. */
  readonly title: string;
  /** Default: no limit. */
  readonly mostBytes?: number;
}

/**
 * Reads a text that was put with `textContent`. One that something else wrote has no digest, and is believed. Raises
 * `artifact-mismatch` and `limit-exceeded`.
 */
export async function readText(
  client: S3Client,
  { at, title, mostBytes = Number.POSITIVE_INFINITY }: TextObject,
  options: AskOptions,
): Promise<string> {
  const { GetObjectCommand } = await s3Sdk();
  const { Body, Metadata, ContentLength = 0 } = await client.send(new GetObjectCommand(at), options);
  if (ContentLength > mostBytes) {
    // Unread it would keep its connection.
    await Body?.transformToWebStream().cancel();
    throw new AppError(
      'limit-exceeded',
      `Cannot read ${title}: it is ${ContentLength} bytes, the limit is ${mostBytes}`,
    );
  }
  const text = (await Body?.transformToString('utf8')) ?? '';
  const expected = Metadata?.[digestField];
  if (expected === undefined || expected === digestOf(text)) return text;
  throw new AppError('artifact-mismatch', `Cannot read ${title}: its bytes are not those that were stored`, {
    next: 'Store it again: it is damaged.',
  });
}
