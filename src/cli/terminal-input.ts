import { AppError } from '../contracts/errors.ts';

/** Ctrl-P Ctrl-Q. */
const defaultKeys: readonly number[] = [0x10, 0x11];
const mostKeys = 16;

export const detachKeysOption = {
  'detach-keys': { type: 'string', value: '<keys>', summary: 'What leaves a terminal (default: ctrl-p,ctrl-q)' },
} as const;

export interface TypedInput {
  /** What is to be passed on. */
  readonly bytes: Uint8Array;
  /** True once the keys that leave a session were pressed; nothing after them counts. */
  readonly isDetached: boolean;
}

/** Looks for the keys that leave in what is typed. A beginning of them is held back until the next key. */
export class DetachKeys {
  readonly #keys: readonly number[];
  #held: number[] = [];

  /** Without any key, none leaves. */
  constructor(keys: readonly number[] = defaultKeys) {
    this.#keys = keys;
  }

  take(typed: Uint8Array): TypedInput {
    if (this.#keys.length === 0) return { bytes: typed, isDetached: false };
    const passed: number[] = [];
    for (const byte of typed) {
      this.#held.push(byte);
      while (!this.#isBeginning()) passed.push(...this.#held.splice(0, 1));
      if (this.#held.length === this.#keys.length) return { bytes: Uint8Array.from(passed), isDetached: true };
    }
    return { bytes: Uint8Array.from(passed), isDetached: false };
  }

  #isBeginning(): boolean {
    return this.#held.every((byte, index) => byte === this.#keys[index]);
  }
}

/** Keys as typed: `ctrl-p,ctrl-q`, `ctrl-]`, `x`; none for an empty word. */
export function keysOf(typed: string | undefined): readonly number[] {
  if (typed === undefined) return defaultKeys;
  if (typed === '') return [];
  const keys = typed.split(',').map(keyOf);
  const known = keys.flatMap((key) => key ?? []);
  if (known.length === keys.length && keys.length <= mostKeys) return known;
  throw new AppError('usage', `Cannot use --detach-keys "${typed}": they are not keys such as ctrl-p,ctrl-q`, {
    next: 'Each is a character, or ctrl- and one of a-z @ [ \\ ] ^ _. An empty word is for none.',
  });
}

function keyOf(typed: string): number | undefined {
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(typed)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  return /^[\x21-\x7e]$/.test(typed) ? typed.charCodeAt(0) : undefined;
}
