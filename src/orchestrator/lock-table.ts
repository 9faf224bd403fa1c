import picomatch from 'picomatch';

/** Who holds which lock key. Keys are paths or globs; two keys clash when they may name the same path. */
export interface LockTable<Holder> {
  readonly exact: Map<string, Holder>;
  readonly globs: Map<string, Holder>;
}

export function emptyLockTable<Holder>(): LockTable<Holder> {
  return { exact: new Map(), globs: new Map() };
}

/** Takes all keys; the caller has asked `clashingKey` first. */
export function takeLocks<Holder>(table: LockTable<Holder>, keys: readonly string[], holder: Holder): void {
  for (const key of keys) (isGlob(key) ? table.globs : table.exact).set(key, holder);
}

export function releaseLocks<Holder>(table: LockTable<Holder>, keys: readonly string[]): void {
  for (const key of keys) (isGlob(key) ? table.globs : table.exact).delete(key);
}

/** Who holds exactly this key. */
export function holderOf<Holder>(table: LockTable<Holder>, key: string): Holder | undefined {
  return (isGlob(key) ? table.globs : table.exact).get(key);
}

/** The first held key that one of these clashes with, or undefined when all can be taken. */
export function clashingKey<Holder>(table: LockTable<Holder>, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    if (!isGlob(key)) {
      if (table.exact.has(key)) return key;
    } else {
      for (const held of table.exact.keys()) if (keysClash(key, held)) return held;
    }
    for (const held of table.globs.keys()) if (keysClash(key, held)) return held;
  }
  return undefined;
}

/** Every holder whose key clashes with this one. */
export function clashingHolders<Holder>(table: LockTable<Holder>, key: string): Holder[] {
  const found: Holder[] = [];
  if (isGlob(key)) {
    for (const [held, holder] of table.exact) if (keysClash(key, held)) found.push(holder);
  } else {
    const holder = table.exact.get(key);
    if (holder !== undefined) found.push(holder);
  }
  for (const [held, holder] of table.globs) if (keysClash(key, held)) found.push(holder);
  return found;
}

/** Whether two keys may name the same path. Two globs clash unless the fixed parts before their wildcards differ. */
export function keysClash(left: string, right: string): boolean {
  if (left === right) return true;
  const [leftGlob, rightGlob] = [isGlob(left), isGlob(right)];
  if (!leftGlob && !rightGlob) return false;
  if (leftGlob && !rightGlob) return matcherOf(left)(right);
  if (!leftGlob && rightGlob) return matcherOf(right)(left);
  return isWithin(fixedFolder(left), fixedFolder(right)) || isWithin(fixedFolder(right), fixedFolder(left));
}

/** Whether a path is covered by a lock key. */
export function keyCovers(key: string, path: string): boolean {
  return key === path || (isGlob(key) && matcherOf(key)(path));
}

const globs = new Map<string, boolean>();
const matchers = new Map<string, (path: string) => boolean>();

function isGlob(key: string): boolean {
  return remembered(globs, key, () => picomatch.scan(key).isGlob === true);
}

function matcherOf(pattern: string): (path: string) => boolean {
  return remembered(matchers, pattern, () => {
    const isMatch = picomatch(pattern, { dot: true });
    return (path) => isMatch(path);
  });
}

function fixedFolder(pattern: string): string {
  return picomatch.scan(pattern).base;
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || folder === '.' || path === folder || path.startsWith(`${folder}/`);
}

/** Compiled keys are few and asked for often; the bound keeps a daemon that runs for months small. */
function remembered<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size > 10_000) cache.clear();
  const made = make();
  cache.set(key, made);
  return made;
}
