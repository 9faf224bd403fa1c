import type { PlanStep } from '../contracts/host-change.ts';
import type { BuildSpec, NetworkSpec, VolumeSpec, WorkspaceSpec } from '../contracts/host-spec.ts';

type Labels = Readonly<Record<string, string>>;

/** An image that a container shall be made of. Without an id it is the one that the reference has once it is pulled or built. */
export interface ImageChoice {
  readonly reference: string;
  readonly id: string | undefined;
}

/** One call of an engine. Containers are named by id, or by the name they were given just before. */
export type Move =
  | { readonly do: 'create-network'; readonly network: string; readonly spec: NetworkSpec; readonly labels: Labels }
  | { readonly do: 'remove-network'; readonly network: string }
  | { readonly do: 'connect'; readonly network: string; readonly container: string }
  | { readonly do: 'disconnect'; readonly network: string; readonly container: string }
  | { readonly do: 'create-volume'; readonly volume: string; readonly spec: VolumeSpec; readonly labels: Labels }
  | { readonly do: 'remove-volume'; readonly volume: string }
  | { readonly do: 'pull'; readonly reference: string; readonly tag: string | undefined }
  | { readonly do: 'tag'; readonly reference: string; readonly tag: string }
  | {
      readonly do: 'build';
      readonly image: string;
      readonly spec: BuildSpec;
      readonly tag: string;
      readonly labels: Labels;
    }
  | { readonly do: 'push'; readonly reference: string }
  | { readonly do: 'remove-image'; readonly image: string }
  | {
      readonly do: 'create';
      readonly container: string;
      readonly spec: WorkspaceSpec;
      readonly image: ImageChoice;
      readonly labels: Labels;
    }
  | { readonly do: 'start'; readonly container: string }
  | { readonly do: 'stop'; readonly container: string; readonly graceMs: number }
  | { readonly do: 'rename'; readonly container: string; readonly to: string }
  | { readonly do: 'remove'; readonly container: string; readonly keepsVolumes: boolean };

/** A step of a plan and what it does, one move after the other. */
export interface Step extends PlanStep {
  readonly moves: readonly Move[];
  /** What a failure is kept under: several steps may be tries of the same thing. */
  readonly attempt: string;
  /** Of what is tried: a failure holds back no other. */
  readonly fingerprint: string;
}
