import type { Digest } from '../contracts/ids.ts';

export interface StoredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface PutOptions {
  /** Refuse with `artifact-mismatch` when the bytes hash to something else; nothing is kept. */
  readonly expected?: Digest;
  /** Refuse with `limit-exceeded` past this many bytes; nothing is kept. */
  readonly maxBytes?: number;
}

export type NameType =
  | 'subagent'
  | 'capability'
  | 'env'
  | 'pipeline'
  | 'dispatch'
  | 'dispatch-cancel'
  | 'dispatch-answer'
  | 'dispatch-shell'
  | 'deployment';

export interface NamePath {
  readonly namespace: string;
  readonly type: NameType;
  readonly name: string;
}

/**
 * Content-addressed blobs and overwritable names. A blob is whole or absent, whatever crashes; a name is the old text
 * or the new. Safe with several processes. Every read of a blob is hashed: bytes that do not match raise
 * `artifact-mismatch` at the end of the stream at the latest. Failures raised: `not-found`, `artifact-mismatch`,
 * `limit-exceeded`, `disk-full`, `unreachable`, `refused` (whoever asks is not let in), `invalid-input`.
 */
export interface Storage {
  /** How long between two looks for a name that others put, where each look costs. Default: whatever suits who looks. */
  readonly pollMs?: number;
  putBlob(content: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<StoredBlob>;
  /** Streams the blob; the last chunk comes only after the hash was found right. */
  getBlob(digest: Digest): AsyncIterable<Uint8Array>;
  /** The size of a blob, or undefined when it is not there. */
  statBlob(digest: Digest): Promise<StoredBlob | undefined>;
  putName(path: NamePath, text: string): Promise<void>;
  /** Makes a name that is not there yet: of several at once, one is told true. */
  createName(path: NamePath, text: string): Promise<boolean>;
  getName(path: NamePath): Promise<string | undefined>;
  /** Fine if it is already gone. The blobs it led to stay. */
  removeName(path: NamePath): Promise<void>;
  /** Names of one type, sorted. */
  listNames(namespace: string, type: NameType): Promise<string[]>;
}
