import type { ListObjectVersionsCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { failureStatus } from '../base/sdk-failure.ts';
import { AppError } from '../contracts/errors.ts';
import { type AskOptions, s3Sdk } from '../s3/s3-bucket.ts';
import { isMissingObject } from '../s3/s3-errors.ts';
import { entryIn } from './anchored-entry.ts';
import { type AskedStore, atTheConnection } from './asked-store.ts';
import type { ReadBack } from './verify/anchor-evidence.ts';

/** An entry is far smaller; what is larger is something else and is not read. */
const largestEntryBytes = 16_384;
/** Ours are one version, and one more for each answer that got lost. */
const mostRead = 32;
const mostPages = 10;

/** One object of a bucket, and whom to ask for it. */
export interface ObjectPlace {
  readonly client: S3Client;
  readonly options: AskOptions;
  readonly store: AskedStore;
  readonly bucket: string;
  readonly key: string;
}

type Version = ReadBack['versions'][number];
type Found = Pick<ReadBack, 'versions' | 'isCutShort' | 'isUnversioned' | 'hasNoLock'>;

/** All versions of the object, the lock on the oldest, and why there is none. */
export async function readVersions(place: ObjectPlace): Promise<Found> {
  const listing = await listVersions(place);
  if (listing === undefined) {
    const only = await readEntry(place, undefined);
    return { versions: only === undefined ? [] : [only], isUnversioned: true };
  }
  const versions: Version[] = [];
  for (const version of listing.versions.slice(0, mostRead)) {
    const lock = versions.length === 0 ? await lockOf(place, version.versionId) : {};
    const entry = version.sizeBytes > largestEntryBytes ? undefined : await readEntry(place, version.versionId);
    versions.push({ ...entry, versionId: version.versionId, at: version.at, ...lock });
  }
  const isLocked = versions[0]?.mode !== undefined;
  return {
    versions: [...versions, ...listing.deleteMarkers.slice(0, mostRead)],
    ...(listing.versions.length > mostRead ? { isCutShort: true } : {}),
    ...(!isLocked && (await cannotLock(place)) ? { hasNoLock: true } : {}),
  };
}

interface Listing {
  readonly versions: readonly { readonly versionId: string; readonly at: string; readonly sizeBytes: number }[];
  readonly deleteMarkers: readonly Version[];
}

/** Oldest first, in the order the service has them: its times may be whole seconds. Undefined where it lists none. */
async function listVersions(place: ObjectPlace): Promise<Listing | undefined> {
  const { client, options, store, bucket, key } = place;
  const { ListObjectVersionsCommand } = await s3Sdk();
  const pages: ListObjectVersionsCommandOutput[] = [];
  let from = {};
  for (;;) {
    const command = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key, ...from });
    command.middlewareStack.add(store.watch, atTheConnection);
    const page = await client.send(command, options).catch(orNothingIf(isNotOffered));
    if (page === undefined) return undefined;
    pages.push(page);
    // Keys come in order: after the first that only begins with ours there is nothing of ours.
    const isPast = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].some(({ Key }) => Key !== key);
    if (page.IsTruncated !== true || isPast) return listingOf(pages, key);
    if (pages.length === mostPages) throw tooMany(place);
    from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}

function listingOf(pages: readonly ListObjectVersionsCommandOutput[], key: string): Listing {
  const versions = pages.flatMap((page) => page.Versions ?? []).filter(({ Key }) => Key === key);
  const deleteMarkers = pages.flatMap((page) => page.DeleteMarkers ?? []).filter(({ Key }) => Key === key);
  return {
    versions: versions.reverse().map(({ VersionId = 'null', LastModified, Size = 0 }) => ({
      versionId: VersionId,
      at: instantOf(LastModified),
      sizeBytes: Size,
    })),
    deleteMarkers: deleteMarkers.reverse().map(({ VersionId = 'null', LastModified }) => ({
      versionId: VersionId,
      at: instantOf(LastModified),
      isDeleteMarker: true,
    })),
  };
}

/** One version, or what is there where versions are not told apart; undefined when it is not there. */
async function readEntry(place: ObjectPlace, versionId: string | undefined): Promise<Version | undefined> {
  const { client, options, store, bucket, key } = place;
  const { GetObjectCommand } = await s3Sdk();
  const ofVersion = versionId === undefined ? {} : { VersionId: versionId };
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...ofVersion });
  command.middlewareStack.add(store.watch, atTheConnection);
  const answer = await client.send(command, options).catch(orNothingIf(isMissingObject));
  if (answer === undefined) return undefined;
  const at = instantOf(answer.LastModified);
  if (answer.Body === undefined || (answer.ContentLength ?? 0) > largestEntryBytes) {
    await answer.Body?.transformToWebStream().cancel();
    return { at };
  }
  const entry = entryIn(await answer.Body.transformToByteArray());
  return entry === undefined ? { at } : { at, entry };
}

async function lockOf({ client, options, bucket, key }: ObjectPlace, versionId: string): Promise<Partial<Version>> {
  const { GetObjectRetentionCommand } = await s3Sdk();
  const command = new GetObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId: versionId });
  const answer = await client.send(command, options).catch(orNothingIf(saysNoLock));
  const { Mode: mode, RetainUntilDate: until } = answer?.Retention ?? {};
  if (mode === undefined || until === undefined || Number.isNaN(until.getTime())) return {};
  return { mode, retainUntil: instantOf(until) };
}

/** Whether the bucket says that nothing in it can be locked. Who may not ask that, may still read locks. */
export async function cannotLock({ client, options, bucket }: ObjectPlace): Promise<boolean> {
  const { GetObjectLockConfigurationCommand } = await s3Sdk();
  const mayNot = (error: unknown) => failureStatus(error) === 403;
  try {
    const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), options);
    return answer.ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled';
  } catch (error) {
    if (saysNoLock(error)) return true;
    if (mayNot(error)) return false;
    throw error;
  }
}

/** Services say it in different words: no lock on the object, none in the bucket, or none of all this at all. */
function saysNoLock(error: unknown): boolean {
  return [400, 404].includes(failureStatus(error) ?? 0) || isNotOffered(error);
}

function isNotOffered(error: unknown): boolean {
  return [405, 501].includes(failureStatus(error) ?? 0);
}

function orNothingIf(isExpected: (error: unknown) => boolean): (error: unknown) => undefined {
  return (error) => {
    if (!isExpected(error)) throw error;
    return undefined;
  };
}

/** The last one that is written with a year of four digits, as bundles write it. */
const lastInstant = Date.parse('9999-12-31T23:59:59.999Z');

function instantOf(time = new Date(0)): string {
  return new Date(Math.max(0, Math.min(time.getTime(), lastInstant))).toISOString();
}

function tooMany({ bucket, key }: ObjectPlace): AppError {
  const message = `Cannot read the versions of "${key}" in s3://${bucket}/: there are more than ${mostPages * 1_000}`;
  return new AppError('limit-exceeded', message, { next: 'Somebody fills the bucket: see who may write to it.' });
}
