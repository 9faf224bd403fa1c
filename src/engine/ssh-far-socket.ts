import type { SshConnection } from './ssh-connection.ts';
import { legOf } from './ssh-errors.ts';

const fallbackSocket = '/var/run/docker.sock';
// In double quotes, which a POSIX shell, cmd and PowerShell all take.
const askForHost = 'docker context inspect --format "{{.Endpoints.docker.Host}}"';

/** The socket of a target's engine; undefined where it has none. Raises what keeps docker from telling. */
export async function farSocket(connection: SshConnection, signal: AbortSignal): Promise<string | undefined> {
  const { socket } = connection.target;
  if (socket !== undefined) {
    // A server that has run a command sends small packets at once, also those of what it forwards.
    await connection.ask('exit', signal).catch(() => signal.throwIfAborted());
    return socket;
  }
  const host = (await farHost(connection, signal)) || (await podmanSocket(connection, signal));
  if (host === '') return fallbackSocket;
  return host.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
}

/** What the far docker client uses; empty where it does not tell. */
async function farHost(connection: SshConnection, signal: AbortSignal): Promise<string> {
  const said = await connection.ask(askForHost, signal).catch((error: Error) => {
    if (legOf(error) !== undefined) throw error;
    return hostWithoutContexts(connection, signal);
  });
  const host = said.trim().split('\n').at(-1)?.trim() ?? '';
  return host.startsWith('<') ? '' : host;
}

/** Of a docker client that is too old for contexts, or is none of Docker's. Raises what keeps it from an answer. */
async function hostWithoutContexts(connection: SshConnection, signal: AbortSignal): Promise<string> {
  await connection.ask('docker version --format "{{.Server.Version}}"', signal);
  return connection.ask('echo "$DOCKER_HOST"', signal);
}

/** Where `docker` is Podman's. */
async function podmanSocket(connection: SshConnection, signal: AbortSignal): Promise<string> {
  const said = await connection.ask('docker info --format "{{.Host.RemoteSocket.Path}}"', signal).catch(() => '');
  const path = said.trim().replace(/^unix:\/\//, '');
  return path.startsWith('/') ? `unix://${path}` : '';
}
