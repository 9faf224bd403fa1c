import type { HostEngine } from '../engine/host-engine.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import type { Fetch } from '../server-client/server-client.ts';
import type { AgentState } from './agent-state.ts';
import type { OwnLog } from './log-reading.ts';
import type { RegistryLogins } from './registry-logins.ts';

export interface AgentOptions {
  readonly serverUrl: string;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
  /** Default: what the machine calls itself. */
  readonly name?: string | undefined;
  readonly engine: HostEngine;
  /** On the same engine. Default: no sessions can be had. */
  readonly sessions?: HostSessions | undefined;
  readonly state: AgentState;
  readonly version: string;
  readonly joinToken?: string | undefined;
  /** Fingerprint of a server that shall take the place of the one that is known. */
  readonly acceptServer?: string | undefined;
  /** Default: none; then the engine's own id counts, or one that is made. */
  readonly machineId?: string | undefined;
  /** It runs in a container, whose own name says nothing. Default: false. */
  readonly isContainer?: boolean;
  /** Of that container: the host is looked at through others of it. Default: none. */
  readonly ownImage?: string | undefined;
  readonly buildFolder: string;
  /** Default: true. */
  readonly deletesBuildContext?: boolean;
  /** For registries that want one. Default: none. */
  readonly registryLogins?: RegistryLogins;
  /** Gets lines for its log. */
  readonly log: (line: string) => void;
  /** Where those can be read. Default: nowhere. */
  readonly ownLog?: OwnLog | undefined;
}
