import {
  type DispatchCancel,
  type DispatchRecord,
  type DispatchShell,
  dispatchCancelSchema,
  dispatchRecordSchema,
  dispatchShellSchema,
} from '../contracts/dispatch.ts';
import { AppError } from '../contracts/errors.ts';
import { type DispatchId, dispatchIdSchema } from '../contracts/ids.ts';
import { retentionDefaults } from '../contracts/names.ts';
import type { NameType, Storage } from '../storage/storage.ts';

/** Where the records of dispatches lie: overwritable names, each written whole. */
export interface RecordPlace {
  readonly storage: Storage;
  readonly namespace: string;
}

export function writeRecord(place: RecordPlace, record: DispatchRecord): Promise<void> {
  return write(place, 'dispatch', record.dispatchId, dispatchRecordSchema.parse(record));
}

/** The first record of a dispatch; false when there is one of its id. */
export function createRecord({ storage, namespace }: RecordPlace, record: DispatchRecord): Promise<boolean> {
  const path = { namespace, type: 'dispatch', name: record.dispatchId } as const;
  return storage.createName(path, JSON.stringify(dispatchRecordSchema.parse(record)));
}

/** Undefined when there is none; `state-corrupt` when it cannot be read. */
export function readRecord(place: RecordPlace, dispatchId: DispatchId): Promise<DispatchRecord | undefined> {
  return read(place, { type: 'dispatch', name: dispatchId, schema: dispatchRecordSchema });
}

/** `not-found` when there is none. */
export async function requireRecord(place: RecordPlace, dispatchId: DispatchId): Promise<DispatchRecord> {
  const record = await readRecord(place, dispatchId);
  if (record !== undefined) return record;
  throw new AppError('not-found', `Cannot find dispatch "${dispatchId}": there is no record of it`, {
    next: 'agora dispatch list',
  });
}

/** Ids of every dispatch there is a record of, sorted. */
export function listRecordIds(place: RecordPlace): Promise<DispatchId[]> {
  return idsAmong(place, 'dispatch');
}

/** Forgets a dispatch, with what was noted beside its record. The artifacts stay. */
export async function removeRecord(place: RecordPlace, dispatchId: DispatchId): Promise<void> {
  const { storage, namespace } = place;
  for (const type of ['dispatch-shell', 'dispatch-answer'] as const) {
    for (const name of await namesOf(place, type, dispatchId)) await storage.removeName({ namespace, type, name });
  }
  await storage.removeName({ namespace, type: 'dispatch-cancel', name: dispatchId });
  // Last: whatever crashes before is found by it and removed again.
  await storage.removeName({ namespace, type: 'dispatch', name: dispatchId });
}

/** Asks whoever executes a dispatch to end it. */
export function writeCancel(place: RecordPlace, dispatchId: DispatchId, cancel: DispatchCancel): Promise<void> {
  return write(place, 'dispatch-cancel', dispatchId, dispatchCancelSchema.parse(cancel));
}

export function readCancel(place: RecordPlace, dispatchId: DispatchId): Promise<DispatchCancel | undefined> {
  return read(place, { type: 'dispatch-cancel', name: dispatchId, schema: dispatchCancelSchema });
}

/** Ids of every dispatch that somebody asked to end. */
export function listCancelIds(place: RecordPlace): Promise<DispatchId[]> {
  return idsAmong(place, 'dispatch-cancel');
}

export function removeCancel({ storage, namespace }: RecordPlace, dispatchId: DispatchId): Promise<void> {
  return storage.removeName({ namespace, type: 'dispatch-cancel', name: dispatchId });
}

export function writeShell(place: RecordPlace, shell: DispatchShell): Promise<void> {
  return write(place, 'dispatch-shell', `${shell.dispatchId}.${shell.id}`, dispatchShellSchema.parse(shell));
}

/** For a shell that nobody was let into. */
export function removeShell({ storage, namespace }: RecordPlace, { dispatchId, id }: DispatchShell): Promise<void> {
  return storage.removeName({ namespace, type: 'dispatch-shell', name: `${dispatchId}.${id}` });
}

/** In the order they were opened. */
export async function listShells(place: RecordPlace, dispatchId: DispatchId): Promise<DispatchShell[]> {
  const shells: DispatchShell[] = [];
  for (const name of await namesOf(place, 'dispatch-shell', dispatchId)) {
    const shell = await read(place, { type: 'dispatch-shell', name, schema: dispatchShellSchema });
    if (shell !== undefined) shells.push(shell);
  }
  return shells.sort((a, b) => Date.parse(a.openedAt) - Date.parse(b.openedAt));
}

/** When a record made now may be removed. */
export function expiryOf(acceptedAt: string, retentionDays: number = retentionDefaults.days): string {
  const days = Math.min(retentionDays, retentionDefaults.mostDays);
  return new Date(Date.parse(acceptedAt) + days * 86_400_000).toISOString();
}

/** Names beside a record: `<dispatchId>.<rest>`. */
export async function namesOf(
  { storage, namespace }: RecordPlace,
  type: NameType,
  dispatchId: DispatchId,
): Promise<string[]> {
  const names = await storage.listNames(namespace, type);
  return names.filter((name) => name.startsWith(`${dispatchId}.`));
}

/** What is no id is somebody else's file, such as the copy that a synchronised folder makes. */
async function idsAmong({ storage, namespace }: RecordPlace, type: NameType): Promise<DispatchId[]> {
  const names = await storage.listNames(namespace, type);
  return names.flatMap((name) => dispatchIdSchema.safeParse(name).data ?? []);
}

function write({ storage, namespace }: RecordPlace, type: NameType, name: string, value: unknown): Promise<void> {
  return storage.putName({ namespace, type, name }, JSON.stringify(value));
}

interface Wanted<T> {
  readonly type: NameType;
  readonly name: string;
  readonly schema: { parse(value: unknown): T };
}

async function read<T>({ storage, namespace }: RecordPlace, { type, name, schema }: Wanted<T>): Promise<T | undefined> {
  const text = await storage.getName({ namespace, type, name });
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError(
      'state-corrupt',
      `Cannot read the ${type} record "${name}": it does not have the expected form`,
      { next: 'Somebody else wrote to the storage, or a newer Agora did: use that one.', cause },
    );
  }
}
