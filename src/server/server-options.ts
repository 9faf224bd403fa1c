import type { TlsFiles } from './certificate-files.ts';
import type { ContextLimits } from './context-room.ts';
import type { PrometheusAccess } from './prometheus-route.ts';
import type { LimitSettings } from './request-limits.ts';
import type { SessionLimits } from './session-limits.ts';

export interface FleetServerOptions {
  /** Holds everything: database, keys, build contexts. */
  readonly dataFolder: string;
  readonly version: string;
  /** PEM files, which may be replaced while it serves. Default: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Refuses agents whose link is not encrypted. Default: false. */
  readonly requiresTls?: boolean;
  /** Believes `x-forwarded-*`, as a proxy in front sets them. Default: false. */
  readonly trustsProxy?: boolean;
  /** Below it each port of a workspace has a name of its own, which leads here: `apps.example.org`, with a port where it is another. Default: only below `localhost`. */
  readonly proxyDomain?: string | undefined;
  /** Who may read `/metrics`, besides users. Default: nobody. */
  readonly prometheus?: PrometheusAccess | undefined;
  /** Default: 20 GiB of build contexts, of which one host may name 8 GiB. */
  readonly contextLimits?: Partial<ContextLimits> | undefined;
  /** How many hosts may wait for approval at once. Default: 1000. */
  readonly mostPending?: number;
  /** How much each address may ask for that proves nothing. Default: `defaultLimits`. */
  readonly limits?: Partial<LimitSettings>;
  /** How many connections each address may hold on which no user and no admitted host proved who it is; not counted behind a proxy. Default: 4096. */
  readonly mostStrangers?: number;
  /** Default: `sessionDefaults`. */
  readonly sessionLimits?: Partial<SessionLimits> | undefined;
  /** Gets lines for its log. */
  readonly log: (line: string) => void;
  /** Default: the clock. */
  readonly now?: () => Date;
}
