import { AppError } from '../contracts/errors.ts';

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

/** One source of several: the first that knows a ref resolves it. A kind that none knows is `refused`, naming it. */
export function combineSources(sources: readonly SecretSource[]): SecretSource {
  const sourceOf = (ref: string) => sources.find((source) => source.knows(ref));
  return {
    knows: (ref) => sourceOf(ref) !== undefined,
    resolve: async (ref) => {
      const source = sourceOf(ref);
      if (source !== undefined) return source.resolve(ref);
      // Only the kind: what was meant to be a ref may be the secret itself.
      const kind = /^[a-z-]{1,16}:/.exec(ref)?.[0];
      throw new AppError('refused', `Cannot resolve a secret ref of kind "${kind ?? 'unknown'}": ${needOf(kind)}`, {
        next: 'Give the client of the config a secretStore or secretSources that know it.',
      });
    },
  };
}

function needOf(kind: string | undefined): string {
  if (kind === 'arn:') return 'it needs a store for AWS Secrets Manager, and there is none';
  if (kind === 'local-secret:') return 'it needs a local secret store, and there is none';
  return 'nothing here finds secrets of that kind';
}
