import { AppError } from '../contracts/errors.ts';
import { type Digest, digestSchema, nameSchema } from '../contracts/ids.ts';
import type { NamePath, NameType } from './storage.ts';

/** Where a blob lies, in every storage: `blobs/sha256/<2>/<hex>`. */
export function blobKey(digest: Digest): string {
  if (!digestSchema.safeParse(digest).success) throw invalid('digest', digest);
  const hex = digest.slice('sha256:'.length);
  return `blobs/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** Where a name lies: `names/<namespace>/<type>/<name>.json`. */
export function nameKey({ namespace, type, name }: NamePath): string {
  if (!nameSchema.safeParse(name).success) throw invalid('name', name);
  return `${namesFolder(namespace, type)}${name}${nameEnding}`;
}

/** What all names of a type begin with. */
export function namesFolder(namespace: string, type: NameType): string {
  for (const part of [namespace, type]) if (!nameSchema.safeParse(part).success) throw invalid('name', part);
  return `names/${namespace}/${type}/`;
}

/** The names among the files of a folder, sorted. What is none is somebody else's file. */
export function namesAmong(files: readonly string[]): string[] {
  return files
    .filter((file) => file.endsWith(nameEnding))
    .map((file) => file.slice(0, -nameEnding.length))
    .filter((name) => nameSchema.safeParse(name).success)
    .sort();
}

const nameEnding = '.json';

function invalid(what: string, value: string): AppError {
  return new AppError('invalid-input', `Cannot use ${what} "${value}": it is not a valid one`);
}
