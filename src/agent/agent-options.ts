import type { HostFacts, HostSettings } from '../contracts/fleet.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { AgentState } from './agent-state.ts';

/** What measures this host. */
export interface Measures {
  readonly from: () => HostFacts['metricsFrom'];
  /** Of the host's devices, as far as they are known by now. */
  readonly gpus: () => readonly string[];
  /** With what the settings ask for. */
  sample(wanted: HostSettings['metrics'], signal: AbortSignal): Promise<MetricsSample | undefined>;
  /** Of the file system where the engine keeps images and volumes; undefined where it is not known. */
  readonly disk?: () => Promise<HostObservation['disk']>;
  close?(): Promise<void>;
}

export interface AgentOptions {
  readonly serverUrl: string;
  /** Default: what the machine calls itself. */
  readonly name?: string | undefined;
  readonly engine: HostEngine;
  readonly state: AgentState;
  readonly version: string;
  readonly joinToken?: string | undefined;
  /** Fingerprint of a server that shall take the place of the one that is known. */
  readonly acceptServer?: string | undefined;
  /** Default: none; then the engine's own id counts, or one that is made. */
  readonly machineId?: string | undefined;
  /** It runs in a container, whose own name says nothing. Default: false. */
  readonly isContainer?: boolean;
  readonly buildFolder: string;
  /** Default: true. */
  readonly deletesBuildContext?: boolean;
  /** Default: nothing is measured. */
  readonly measures?: Measures | undefined;
  /** Gets lines for its log. */
  readonly log: (line: string) => void;
}
