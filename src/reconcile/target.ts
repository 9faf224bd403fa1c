import type { HostSettings } from '../contracts/fleet.ts';
import type { PlanProblem, WorkspaceStatus } from '../contracts/host-change.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import type { Memory } from './memory.ts';
import type { Step } from './step.ts';

/** What a host shall be like, and what it takes to decide how to get there. */
export interface Target {
  readonly hostId: string;
  readonly revision: number;
  readonly spec: HostSpec;
  readonly settings: HostSettings;
  /** By ref of a secret: changes with its value. Default: a secret is known by its ref alone. */
  readonly secretDigests?: Readonly<Record<string, string>> | undefined;
  /** For how long the server has been away; undefined while it is reached. */
  readonly awayMs?: number | undefined;
}

export interface Decision {
  /** What to do now; each comes after those its `after` names. Empty once nothing more can be done. */
  readonly steps: readonly Step[];
  readonly problems: readonly PlanProblem[];
  readonly workspaces: readonly WorkspaceStatus[];
  /** To be kept before the first step is taken, and handed in with the next observation. */
  readonly memory: Memory;
  /** Attempts that are being made and are still wanted: any other is to be cut short. */
  readonly underWay: readonly string[];
  /** When to look again though nothing changes, in milliseconds. */
  readonly wakeAt?: number;
  /** Nothing is left to do, to wait for or to be mended. */
  readonly isSettled: boolean;
}
