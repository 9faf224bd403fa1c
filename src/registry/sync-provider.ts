import type { GivenCapability } from './capabilities.ts';
import type { GivenSubagent } from './subagents.ts';

export interface SyncOptions {
  /** Receives one line for a person about each thing that could not be carried over. */
  readonly onNote: (line: string) => void;
}

/** Finds capabilities and subagents that were written down for something else. Only reads. */
export interface SyncProvider {
  readonly name: string;
  /** Those below a folder of a project. */
  capabilities?(from: string, options: SyncOptions): Promise<readonly GivenCapability[]>;
  subagents?(from: string, options: SyncOptions): Promise<readonly GivenSubagent[]>;
}
