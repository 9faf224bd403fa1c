import { digestOf, digestOfStream } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import type { SecretStore } from '../secrets/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import { isJournal } from './pending-moves.ts';

/** A storage that hashes what it is given and keeps nothing; what is there can be read. */
export function hashingStorage(storage: Storage): Storage {
  return {
    putBlob: async (content) => {
      if (content instanceof Uint8Array) {
        return { digest: digestSchema.parse(digestOf(content)), sizeBytes: content.byteLength };
      }
      let sizeBytes = 0;
      const counted = async function* () {
        for await (const chunk of content) {
          sizeBytes += chunk.byteLength;
          yield chunk;
        }
      };
      const digest = digestSchema.parse(await digestOfStream(counted()));
      return { digest, sizeBytes };
    },
    getBlob: (digest) => storage.getBlob(digest),
    statBlob: (digest) => storage.statBlob(digest),
    // What others are about to move is theirs to move.
    getName: async (path) => (isJournal(path) ? undefined : storage.getName(path)),
    listNames: (namespace, type) => storage.listNames(namespace, type),
    putName: refuse,
    createName: refuse,
    removeName: refuse,
  };
}

/** A secret store that takes nothing in; what is there can be read. */
export function closedSecretStore(secrets: SecretStore): SecretStore {
  return {
    knows: (ref) => secrets.knows(ref),
    resolve: (ref) => secrets.resolve(ref),
    list: () => secrets.list(),
    stage: async ({ name }) => ({ ref: unknownRef, name, stagedAt: new Date(0).toISOString(), expiresAt: undefined }),
    remove: async () => {}, // It kept nothing.
  };
}

/** Stands for the ref that staging a secret would have given. */
const unknownRef = 'local-secret://00000000-0000-0000-0000-000000000000';

async function refuse(): Promise<never> {
  throw new AppError('internal', 'Cannot move a name: this only plans');
}
