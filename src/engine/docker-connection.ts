import type { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { Deadline, unlessAborted } from './docker-deadline.ts';
import { type EngineCall, engineError } from './docker-errors.ts';
import { describeEndpoint, type EngineEndpoint } from './endpoint.ts';
import { readEngineCertificates } from './engine-certificates.ts';
import { parseSshTarget } from './ssh-target.ts';

export type DockerTarget = { readonly endpoint: EngineEndpoint } | { readonly docker: Dockerode };

export interface DockerConnectionOptions {
  /** How long the engine may leave us without an answer; calls that take it longer get more. Default: 60000. */
  readonly answerMs?: number;
}

const defaults = { answerMs: 60_000 } satisfies DockerConnectionOptions;

export interface DockerCall extends Omit<EngineCall, 'address'> {
  /** Default: the connection's. Infinity for a call that may take as long as its caller waits. */
  readonly answerMs?: number;
}

/** One request; it must pass the deadline's signal on. */
export type DockerRequest<T> = (docker: Dockerode, deadline: Deadline) => Promise<T>;

export interface DockerConnection {
  readonly address: string;
  readonly answerMs: number;
  /** Runs one call; what it rejects with becomes an `AppError`, an engine that stays silent `unreachable`. */
  call<T>(call: DockerCall, request: DockerRequest<T>): Promise<T>;
  /** Runs one call and gives the bytes of its answer, with the same errors. */
  stream(call: DockerCall, request: DockerRequest<NodeJS.ReadableStream>): AsyncGenerator<Uint8Array>;
}

/** Nothing is loaded or opened before the first call. */
export function connectDocker(given: DockerTarget, options: DockerConnectionOptions = {}): DockerConnection {
  const target = ownLink(given);
  const { answerMs } = { ...defaults, ...options };
  const address = 'docker' in target ? addressOf(target.docker) : describeEndpoint(target.endpoint);
  let client: Promise<Dockerode> | undefined;
  const open = () => {
    client ??= 'docker' in target ? Promise.resolve(target.docker) : createClient(target.endpoint);
    return client;
  };
  const begin = (call: DockerCall) => {
    call.signal?.throwIfAborted();
    return new Deadline(call.answerMs ?? answerMs, call.signal);
  };
  const failed = (error: unknown, call: DockerCall, { isExpired, ms }: Deadline) =>
    engineError(error, { ...call, address, ...(isExpired && { silentMs: ms }) });
  return {
    address,
    answerMs,
    async call(call, request) {
      const deadline = begin(call);
      try {
        return await answerTo(request, await open(), deadline);
      } catch (error) {
        throw failed(error, call, deadline);
      }
    },
    async *stream(call, request) {
      const deadline = begin(call);
      try {
        // The client's streams are Node's own, whatever its types say.
        yield* deadline.receiving((await answerTo(request, await open(), deadline)) as Readable);
      } catch (error) {
        throw failed(error, call, deadline);
      }
    },
  };
}

async function answerTo<T>(request: DockerRequest<T>, docker: Dockerode, deadline: Deadline): Promise<T> {
  deadline.restart();
  try {
    return await unlessAborted(deadline.signal, request(docker, deadline));
  } finally {
    deadline.pause();
  }
}

async function createClient(endpoint: EngineEndpoint): Promise<Dockerode> {
  const { default: Docker } = await import('dockerode');
  // Every field is set: the client would take those that are missing from DOCKER_HOST and DOCKER_CERT_PATH.
  const options = { protocol: 'http', ca: undefined, cert: undefined, key: undefined, ...(await placeOf(endpoint)) };
  return new Docker(options as Dockerode.DockerOptions);
}

async function placeOf(endpoint: EngineEndpoint): Promise<object> {
  if (endpoint.kind === 'unix') return { socketPath: endpoint.path, host: undefined, port: undefined };
  if (endpoint.kind === 'tcp') {
    const { host, port, certificates } = endpoint;
    if (certificates === undefined) return { host, port };
    return { host, port, protocol: 'https', ...(await readEngineCertificates(certificates)) };
  }
  // An agent, which has its engine at hand, stays 16 MB smaller without what they import.
  const [{ LinkAgent }, { sshLinkTo }] = await Promise.all([import('./link-agent.ts'), import('./ssh-link.ts')]);
  return { host: 'engine', port: 80, agent: new LinkAgent(sshLinkTo(endpoint.target)) };
}

/**
 * A client made for ssh keeps where it leads and gets our link: its own would open a connection for each call, look at no
 * ssh configuration and check no host key. It is known by its shape, whichever copy of the client made it.
 */
function ownLink(target: DockerTarget): DockerTarget {
  if (!('docker' in target)) return target;
  const modem: unknown = target.docker.modem;
  if (typeof modem !== 'object' || modem === null || !('protocol' in modem) || modem.protocol !== 'ssh') return target;
  const text = (name: string) => {
    const value: unknown = name in modem ? modem[name as keyof typeof modem] : undefined;
    return value === undefined || value === null ? '' : String(value);
  };
  const [user, host, port] = [text('username'), text('host').replace(/^\w+:\/\//, ''), text('port')];
  const place = host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host;
  const url = `ssh://${user === '' ? '' : `${encodeURIComponent(user)}@`}${place}${port === '' ? '' : `:${port}`}`;
  return { endpoint: { kind: 'ssh', target: parseSshTarget(url), source: 'a given client' } };
}

function addressOf(docker: Dockerode): string {
  const modem: unknown = docker.modem;
  if (typeof modem !== 'object' || modem === null) return 'a given client';
  if ('socketPath' in modem && typeof modem.socketPath === 'string') return `unix://${modem.socketPath}`;
  const host = 'host' in modem && typeof modem.host === 'string' ? modem.host : 'localhost';
  const port = 'port' in modem ? `:${String(modem.port)}` : '';
  return `tcp://${host.replace(/^\w+:\/\//, '')}${port}`;
}
