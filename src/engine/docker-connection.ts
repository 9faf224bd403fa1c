import type Dockerode from 'dockerode';
import { type EngineCall, engineError } from './docker-errors.ts';
import { describeEndpoint, type EngineEndpoint } from './endpoint.ts';

export interface DockerConnection {
  readonly address: string;
  /** Runs one call; what it rejects with becomes an `AppError`. */
  call<T>(call: Omit<EngineCall, 'address'>, request: (docker: Dockerode) => Promise<T>): Promise<T>;
}

/** Nothing is loaded or opened before the first call. */
export function connectDocker(
  target: { readonly endpoint: EngineEndpoint } | { readonly docker: Dockerode },
): DockerConnection {
  const address = 'docker' in target ? addressOf(target.docker) : describeEndpoint(target.endpoint);
  let client: Promise<Dockerode> | undefined = 'docker' in target ? Promise.resolve(target.docker) : undefined;
  return {
    address,
    async call(call, request) {
      call.signal?.throwIfAborted();
      try {
        client ??= 'endpoint' in target ? createClient(target.endpoint) : undefined;
        if (client === undefined) throw new Error('No client');
        return await request(await client);
      } catch (error) {
        throw engineError(error, { ...call, address });
      }
    },
  };
}

async function createClient(endpoint: EngineEndpoint): Promise<Dockerode> {
  const { default: Docker } = await import('dockerode');
  // Every field is set: the client would take those that are missing from DOCKER_HOST and DOCKER_CERT_PATH.
  const place =
    endpoint.kind === 'unix'
      ? { socketPath: endpoint.path, host: undefined, port: undefined }
      : { host: endpoint.host, port: endpoint.port };
  const options = { ...place, protocol: 'http', ca: undefined, cert: undefined, key: undefined };
  return new Docker(options as Dockerode.DockerOptions);
}

function addressOf(docker: Dockerode): string {
  const modem: unknown = docker.modem;
  if (typeof modem !== 'object' || modem === null) return 'a given client';
  if ('socketPath' in modem && typeof modem.socketPath === 'string') return `unix://${modem.socketPath}`;
  const host = 'host' in modem && typeof modem.host === 'string' ? modem.host : 'localhost';
  const port = 'port' in modem ? `:${String(modem.port)}` : '';
  return `tcp://${host.replace(/^\w+:\/\//, '')}${port}`;
}
