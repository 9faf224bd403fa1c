import type { ErrorCode } from '../contracts/errors.ts';

/** What a failure of a service means to us. */
export interface Explained {
  readonly code: ErrorCode;
  readonly state: string;
  readonly next: string;
}

/** As a service of AWS calls its failure; `unknown` for what is no error. */
export function failureName(cause: unknown): string {
  return cause instanceof Error ? cause.name : 'unknown';
}

/** HTTP status of an answer that the SDK of AWS made an error of; undefined where none came. */
export function failureStatus(cause: unknown): number | undefined {
  return sdkMetadata(cause).httpStatusCode;
}

/** What the SDK notes of its tries. */
export function sdkMetadata(cause: unknown): { readonly httpStatusCode?: number; readonly attempts?: number } {
  const found = cause instanceof Error && '$metadata' in cause ? cause.$metadata : undefined;
  return typeof found === 'object' && found !== null ? found : {};
}

/** It asks too often, or its bytes were changed on the way. */
const passing = /Throttl|TooMany|Timeout|SlowDown|RequestLimit|BandwidthLimit|BadDigest|SHA256Mismatch|IncompleteBody/;

/** Whether the same would be refused again. Not by `$fault`, which lays whatever the SDK does not know on the caller. */
export function isRefusal(cause: unknown): boolean {
  const status = failureStatus(cause);
  if (status === undefined || status < 400 || status >= 500) return false;
  return status !== 408 && status !== 429 && !passing.test(failureName(cause));
}
