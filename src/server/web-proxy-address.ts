import { createHash } from 'node:crypto';

/** One port of one workspace. */
export interface WebPlace {
  readonly host: string;
  readonly workspace: string;
  readonly port: number;
}

/** A request for a workspace's port, by the name that it was sent to or by its path. */
export type WebAddress =
  | { readonly form: 'origin'; readonly label: string; readonly path: string }
  /** `prefix` and `path` are what was asked for. */
  | { readonly form: 'path'; readonly place: WebPlace; readonly prefix: string; readonly path: string };

/** Before the ports of workspaces in paths. */
const proxyPath = '/proxy/';
/** Browsers take what is below it to be on their own machine. */
const localDomain = 'localhost';
const name = '[A-Za-z0-9][A-Za-z0-9_.-]{0,62}';
const pathPattern = new RegExp(`^(/proxy/(${name})/(${name})/(\\d{1,5}))((?:/[^?]*)?(?:\\?.*)?)$`);
const labelPattern = /^\d{1,5}--[a-z0-9-]+$/;
const plainName = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const longestLabel = 63;

/** Undefined for what is no workspace's. `host` and `target` are those of the request, `domain` the one that was set. */
export function readWebAddress(host: string, target: string, domain: string | undefined): WebAddress | undefined {
  const label = labelIn(host, domain);
  if (label !== undefined) return { form: 'origin', label, path: target };
  if (!target.startsWith(proxyPath)) return undefined;
  const [, prefix, hostName, workspace, port, path] = pathPattern.exec(target) ?? [];
  if (prefix === undefined || hostName === undefined || workspace === undefined || !isPort(Number(port)))
    return undefined;
  return { form: 'path', place: { host: hostName, workspace, port: Number(port) }, prefix, path: path ?? '' };
}

/** What names a place below a domain: readable where its names are, else a digest of them. */
export function labelOf({ host, workspace, port }: WebPlace): string {
  const readable = `${port}--${workspace}--${host}`;
  if (plainName.test(host) && plainName.test(workspace) && readable.length <= longestLabel) return readable;
  const digest = createHash('sha256').update(`${host}/${workspace}`).digest('hex');
  return `${port}--${digest.slice(0, 40)}`;
}

export function pathOf({ host, workspace, port }: WebPlace): string {
  return `${proxyPath}${host}/${workspace}/${port}`;
}

export function isSamePlace(one: WebPlace, other: WebPlace): boolean {
  return one.host === other.host && one.workspace === other.workspace && one.port === other.port;
}

/** Where a browser gets to a place that reaches its server at `server`: below a name of its own where one can be had, else below a path. */
export function webUrlOf(place: WebPlace, server: URL, domain: string | undefined): URL {
  // Whoever has a server on their machine may have it by a tunnel: then they have no other name of it.
  const isLocal = isLoopback(server.hostname) && server.protocol === 'http:';
  if (!isLocal && domain === undefined) return new URL(`${pathOf(place)}/`, server);
  const [below = '', port = server.port] = isLocal ? [localDomain] : (domain ?? '').split(':');
  return new URL(`${server.protocol}//${labelOf(place)}.${below}${port === '' ? '' : `:${port}`}/`);
}

function labelIn(host: string, domain: string | undefined): string | undefined {
  // Nearly every request is of an agent, to the server's own name: it is looked at no further.
  if (!host.includes('--')) return undefined;
  const [named = ''] = host.toLowerCase().split(':');
  const [label = '', ...rest] = named.replace(/\.$/, '').split('.');
  const below = rest.join('.');
  const isOurs = below === localDomain || (domain !== undefined && below === domain.split(':')[0]);
  return isOurs && labelPattern.test(label) ? label : undefined;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
