const detachStart = 0x10;
const detachEnd = 0x11;

export interface TypedInput {
  /** What is to be passed on. */
  readonly bytes: Uint8Array;
  /** True once the keys that leave a shell were pressed; nothing after them counts. */
  readonly isDetached: boolean;
}

/** Looks for Ctrl-P Ctrl-Q in what is typed. A Ctrl-P alone is held back until the next key. */
export class DetachKeys {
  #isHolding = false;

  take(typed: Uint8Array): TypedInput {
    const passed: number[] = [];
    for (const byte of typed) {
      if (this.#isHolding && byte === detachEnd) return { bytes: Uint8Array.from(passed), isDetached: true };
      if (this.#isHolding) passed.push(detachStart);
      this.#isHolding = byte === detachStart;
      if (!this.#isHolding) passed.push(byte);
    }
    return { bytes: Uint8Array.from(passed), isDetached: false };
  }
}
