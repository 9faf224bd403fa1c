export interface StageOptions {
  /** For people, such as the variable it is meant for. Never secret. */
  readonly name: string;
  readonly value: string;
  /** How long it may lie there. Default: until it is removed. */
  readonly ttlSeconds?: number;
}

export interface StagedSecret {
  readonly ref: string;
  readonly name: string;
  readonly stagedAt: string;
  readonly expiresAt: string | undefined;
}

/** Finds secrets by ref. Failures raised: `not-found` (no such secret, or expired), `unreachable`, `refused`. */
export interface SecretSource {
  /** Whether a ref is of this source's kind. */
  knows(ref: string): boolean;
  resolve(ref: string): Promise<string>;
}

/** Keeps secrets that have no other place. What it is given appears nowhere but in what `resolve` gives back. */
export interface SecretStore extends SecretSource {
  stage(secret: StageOptions): Promise<StagedSecret>;
  /** Fine if it is already gone. */
  remove(ref: string): Promise<void>;
  list(): Promise<StagedSecret[]>;
}
