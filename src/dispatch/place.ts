import type { Compute } from '../compute/compute.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import type { Subagent } from '../contracts/subagent.ts';
import type { SecretSource, SecretStore } from '../secrets/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import type { ResolvePorts } from './resolve-work.ts';

/** Everything a dispatch outside of a run needs: what an `AgoraClient` offers of itself. */
export interface DispatchPlace {
  readonly namespace: string;
  readonly storage: Storage;
  readonly targets: readonly string[];
  /** Raises `unknown-name`. */
  computeOf(target: string): Compute;
  readonly secrets: SecretSource;
  /** Keeps secrets given inline; undefined: there is no place for them. */
  readonly secretStore: SecretStore | undefined;
  /** Subagents of the config, by name. */
  readonly declared: Readonly<Record<string, Subagent>>;
  readonly defaults: NonNullable<ResolvePorts['defaults']>;
  /** Carried by everything that is started here, and by nothing of others. */
  deploymentId(): Promise<DeploymentId>;
}
