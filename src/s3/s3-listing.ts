import type { ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import type { S3Bucket } from './s3-bucket.ts';

export interface Listing {
  readonly keys: readonly string[];
  /** What lies deeper, where the wish names a delimiter. */
  readonly folders: readonly string[];
}

/** All that is there, page by page. `what` is for people, as in "list messages". */
export async function listAll(
  bucket: S3Bucket,
  what: string,
  wish: Omit<ListObjectsV2CommandInput, 'Bucket' | 'ContinuationToken'>,
): Promise<Listing> {
  const keys: string[] = [];
  const folders: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await bucket.list(what, { ...wish, ContinuationToken });
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    for (const { Prefix } of page.CommonPrefixes ?? []) if (Prefix !== undefined) folders.push(Prefix);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return { keys, folders };
}
