/** Slower than this is not waited for, beyond a while that is everybody's. */
export const leastBytesPerMs = 50;
/** That while. */
export const graceMs = 60_000;

/** How long so many bytes may take, in milliseconds. */
export function patienceMsFor(sizeBytes: number): number {
  return graceMs + sizeBytes / leastBytesPerMs;
}
