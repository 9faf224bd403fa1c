export const backslash = 0x5c;

/**
 * Whether a byte is passed over where a secret is looked for: line ends, since base64 and terminals wrap lines, and
 * backslashes with the `n` or `r` after them, since JSON writes line ends and quotes so, once for each time it was packed.
 */
export function isSkipped(byte: number, isAfterBackslash: boolean): boolean {
  if (byte === 0x0a || byte === 0x0d || byte === backslash) return true;
  return isAfterBackslash && (byte === 0x6e || byte === 0x72);
}

/** The bytes that are not passed over. */
export function skipping(bytes: Uint8Array): Buffer {
  const kept = Buffer.alloc(bytes.length);
  let length = 0;
  let isAfterBackslash = false;
  for (const byte of bytes) {
    if (!isSkipped(byte, isAfterBackslash)) kept[length++] = byte;
    isAfterBackslash = byte === backslash;
  }
  return kept.subarray(0, length);
}
