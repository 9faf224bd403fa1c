import { AppError, isAppError } from '../contracts/errors.ts';
import type { NamePath, Storage } from '../storage/storage.ts';

/** No storage has it: an answer that it is not there says that the storage itself is. */
const nobody: NamePath = { namespace: 'default', type: 'deployment', name: 'nobody' };

/**
 * A storage that is waited for whatever keeps all of it from its users: a sign-in that is over or a bucket that is not
 * there for a moment is `unreachable` too. So `not-found` is only ever said of a blob.
 */
export function awaitedStorage(storage: Storage): Storage {
  const { pollMs } = storage;
  return {
    ...(pollMs === undefined ? {} : { pollMs }),
    putBlob: (content, options) => awaited(storage.putBlob(content, options)),
    async *getBlob(digest) {
      try {
        yield* storage.getBlob(digest);
      } catch (error) {
        if (isAppError(error, 'not-found')) await awaited(storage.getName(nobody));
        throw isAppError(error, 'refused') ? away(error) : error;
      }
    },
    statBlob: (digest) => awaited(storage.statBlob(digest)),
    putName: (path, text) => awaited(storage.putName(path, text)),
    createName: (path, text) => awaited(storage.createName(path, text)),
    getName: (path) => awaited(storage.getName(path)),
    removeName: (path) => awaited(storage.removeName(path)),
    listNames: (namespace, type) => awaited(storage.listNames(namespace, type)),
  };
}

async function awaited<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw isAppError(error, 'refused') || isAppError(error, 'not-found') ? away(error) : error;
  }
}

function away(cause: AppError): AppError {
  return new AppError('unreachable', cause.message, { cause, ...(cause.next !== undefined && { next: cause.next }) });
}
