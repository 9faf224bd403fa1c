import type { Storage } from '../../src/storage/storage.ts';

/** Counts from here on how many names were read from a storage at the same time, at the most. */
export function mostReadAtOnce(storage: Storage): () => number {
  const read = storage.getName.bind(storage);
  let underWay = 0;
  let most = 0;
  storage.getName = async (path) => {
    most = Math.max(most, ++underWay);
    try {
      return await read(path);
    } finally {
      underWay -= 1;
    }
  };
  return () => most;
}
