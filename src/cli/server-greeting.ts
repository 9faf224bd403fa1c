import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { agentImage } from '../contracts/fleet-names.ts';
import type { FleetServer, Listening } from '../server/server.ts';
import type { CommandContext } from './command.ts';
import { isLoopback } from './listen-address.ts';
import { say } from './output.ts';
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
  const token = fleet.addFirstAdmin();
  if (token === undefined) return;
  const joinTokenFile = join(folder, serverFiles.joinToken);
  await writeFileAtomically(joinTokenFile, `${fleet.createJoinToken(firstJoins)}\n`);
  await say(stderr, 'agora: the token of the user "admin", shown this once:');
  await say(stdout, token);
  for (const line of firstSteps(listening, joinTokenFile)) await say(stderr, line);
}

export function firstSteps(listening: Listening, joinTokenFile: string): string[] {
  const url = urlForHosts(listening);
  const isLocal = isLoopback(listening.address);
  return [
    '',
    'Sign in with it:',
    `  agora login ${url}`,
    '',
    `Add a host: copy ${joinTokenFile} there as ./join-token (good for ${firstJoins.uses} hosts within a day), and there:`,
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

/** An address that listens for all is no address to call. */
function urlForHosts({ url, address }: Listening): string {
  if (address !== '0.0.0.0' && address !== '::') return url;
  const { protocol, port } = new URL(url);
  return `${protocol}//${hostname()}${port === '' ? '' : `:${port}`}`;
}

/** What is to be said of a server that others can listen in on. */
export function plaintextWarning(
  host: string,
  { isEncrypted, hasProxy }: { readonly isEncrypted: boolean; readonly hasProxy: boolean },
): string | undefined {
  if (isEncrypted || hasProxy || isLoopback(host)) return undefined;
  return 'agora: connections are not encrypted: give --tls-certificate and --tls-key, or put a proxy with TLS in front (--trust-proxy)';
}
