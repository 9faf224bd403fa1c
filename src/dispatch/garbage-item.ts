/** Something a crash left, or whose time is over. */
export interface Garbage {
  /** In words: `worker d-…`. */
  readonly what: string;
  /** Does with it what is left to do, and says what that was: `collected`, `removed`. */
  readonly clear: () => Promise<string>;
}

export interface GarbageOptions {
  /** The attempts of runs may still need secrets that no env refers to any more. */
  readonly hasOpenRuns: boolean;
  readonly now: number;
  readonly onProblem: (line: string) => void;
}

export function removing(what: string, remove: () => Promise<void>): Garbage {
  return { what, clear: () => remove().then(() => 'removed') };
}
