import { hostname } from 'node:os';
import { join } from 'node:path';
import { readSurroundings } from '../agent/own-container.ts';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { agentImage } from '../contracts/fleet-names.ts';
import type { FleetServer, Listening } from '../server/server.ts';
import type { CommandContext } from './command.ts';
import { isLoopback } from './listen-address.ts';
import { say } from './output.ts';
import { placeError } from './place-error.ts';
import { serverFiles } from './server-folder.ts';

export interface StartedServer {
  readonly fleet: FleetServer;
  readonly folder: string;
  readonly listening: Listening;
}

/** Enough for a first evening; more are made with `agora token create --join`. */
const firstJoins = { uses: 10, ttlSeconds: 86_400 } as const;

/** At the first start: the admin's token on standard output, all else for a person. Later nothing. */
export async function greetFirstStart(
  { fleet, folder, listening }: StartedServer,
  { stdout, stderr }: CommandContext,
): Promise<void> {
  const token = await fleet.addFirstAdmin();
  if (token === undefined) return;
  // Before anything else that may fail: it is not shown again.
  await say(stderr, 'agora: the token of the user "admin", shown this once:');
  await say(stdout, token);
  const joinTokenFile = join(folder, serverFiles.joinToken);
  await writeJoinToken(joinTokenFile, await fleet.createJoinToken(firstJoins));
  const { containerId } = await readSurroundings();
  const place = { joinTokenFile, containerId, hostName: hostname() };
  for (const line of firstSteps(listening, place)) await say(stderr, line);
}

async function writeJoinToken(file: string, joinToken: string): Promise<void> {
  try {
    await writeFileAtomically(file, `${joinToken}\n`);
  } catch (cause) {
    const next = 'Start it again; hosts are added with: agora token create --join';
    throw placeError(`Cannot write join token "${file}"`, cause, next) ?? cause;
  }
}

export interface ServerPlace {
  readonly joinTokenFile: string;
  /** Of the container that it runs in. Default: it runs on the machine itself. */
  readonly containerId?: string | undefined;
  readonly hostName: string;
}

/** For who reads it on the server's machine, whose own name and files a container does not show. */
export function firstSteps(listening: Listening, place: ServerPlace): string[] {
  const url = urlForHosts(listening, place);
  const isLocal = isLoopback(listening.address);
  return [
    '',
    ...(isNameless(place) ? [nameless(listening)] : []),
    'Sign in with it:',
    `  agora login ${url}`,
    '',
    ...joinTokenLines(place),
    ...agentCommand(url, isLocal),
    '',
    'Leave out the line --gpus all where there is no NVIDIA GPU.',
    ...(isLocal ? ['Only this machine reaches the server: start it with --listen 0.0.0.0:8090 for others.'] : []),
    'Without a join token a host waits until you approve it: agora host ls',
  ];
}

function agentCommand(url: string, isLocal: boolean): string[] {
  return [
    '  docker run -d --name agora-agent --restart unless-stopped \\',
    ...(isLocal ? ['    --network host \\'] : []),
    '    -v /var/run/docker.sock:/var/run/docker.sock \\',
    '    -v "$PWD/join-token:/join-token:ro" \\',
    '    --gpus all \\',
    `    ${agentImage} \\`,
    `    -S ${url} --join-token-file /join-token`,
  ];
}

function joinTokenLines({ joinTokenFile, containerId }: ServerPlace): string[] {
  const good = `good for ${firstJoins.uses} hosts within a day`;
  if (containerId === undefined)
    return [`Add a host: copy ${joinTokenFile} there as ./join-token (${good}), and there:`];
  return [
    'Add a host: take the join token out of this container,',
    `  docker cp ${containerId.slice(0, 12)}:${joinTokenFile} join-token`,
    `copy it there as ./join-token (${good}), and there:`,
  ];
}

/** An address that listens for all is no address to call. */
function urlForHosts({ url, address }: Listening, place: ServerPlace): string {
  if (address !== '0.0.0.0' && address !== '::') return url;
  const { protocol, port } = new URL(url);
  return `${protocol}//${isNameless(place) ? nobody : place.hostName}${port === '' ? '' : `:${port}`}`;
}

const nobody = 'server-host';

function nameless({ port }: Listening): string {
  return `For ${nobody} below put the name or address of the machine that this container is on, and for ${port} the port it publishes.`;
}

/** Engines call a container by its id, which is no name to reach it by; with the network of its host it has that one's. */
function isNameless({ containerId, hostName }: ServerPlace): boolean {
  return containerId?.startsWith(hostName) === true;
}

/** What is to be said of a server that others can listen in on. */
export function plaintextWarning(
  host: string,
  { isEncrypted, hasProxy }: { readonly isEncrypted: boolean; readonly hasProxy: boolean },
): string | undefined {
  if (isEncrypted || hasProxy || isLoopback(host)) return undefined;
  return 'agora: connections are not encrypted: give --tls-certificate and --tls-key, or put a proxy with TLS in front (--trust-proxy)';
}
