import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { environmentNames } from '../contracts/names.ts';
import { readContextHost } from './docker-context.ts';
import { describeSshTarget, parseSshTarget, type SshTarget } from './ssh-target.ts';

/** Where an engine answers, and what said so. */
export type EngineEndpoint =
  | { readonly kind: 'unix'; readonly path: string; readonly source: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** The folder of the certificates; absent: neither encrypted nor authenticated. */
      readonly certificates?: string;
      readonly source: string;
    }
  | { readonly kind: 'ssh'; readonly target: SshTarget; readonly source: string };

export interface EndpointInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Sockets tried when nothing names one. Default: those Docker and Podman use. */
  readonly defaultSockets?: readonly string[];
}

/** `DOCKER_HOST`, then the docker context, then the default sockets. Undefined when none of them is there. */
export async function resolveEngineEndpoint(inputs: EndpointInputs): Promise<EngineEndpoint | undefined> {
  const { env } = inputs;
  if (env['DOCKER_HOST']) return namedEndpoint(env['DOCKER_HOST'], 'DOCKER_HOST', inputs);
  const configDirectory = configDirectoryOf(inputs);
  const context = await readContextHost(configDirectory, env['DOCKER_CONTEXT']);
  if (context) {
    const { name, host, certificates } = context;
    return parseEngineHost(host, `docker context "${name}"`, { certificates, isInsecure: isInsecureAllowed(inputs) });
  }
  for (const path of inputs.defaultSockets ?? defaultSockets(inputs)) {
    if (await isSocket(path)) return { kind: 'unix', path, source: 'default socket' };
  }
  return undefined;
}

/** The engine at an address, with the certificates that the environment names for it. */
export function namedEndpoint(address: string, source: string, inputs: EndpointInputs): EngineEndpoint {
  const { env } = inputs;
  const hasTls = env['DOCKER_TLS_VERIFY'] || env['DOCKER_TLS'] || env['DOCKER_CERT_PATH'];
  const certificates = hasTls ? env['DOCKER_CERT_PATH'] || configDirectoryOf(inputs) : undefined;
  return parseEngineHost(address, source, { certificates, isInsecure: isInsecureAllowed(inputs) });
}

export interface TcpOptions {
  /** The folder of the certificates. Default: none. */
  readonly certificates?: string | undefined;
  /** Whether another machine may be reached without them. Default: false. */
  readonly isInsecure?: boolean;
}

/** `unix:///path`, `ssh://[user@]host[:port]`, `tcp://host:port` with certificates, or `tcp://<loopback>:<port>`. */
export function parseEngineHost(
  text: string,
  source: string,
  { certificates, isInsecure = false }: TcpOptions = {},
): EngineEndpoint {
  if (text.startsWith('unix://') && text.length > 'unix://'.length) {
    return { kind: 'unix', path: text.slice('unix://'.length), source };
  }
  if (text.startsWith('ssh://')) return { kind: 'ssh', target: parseSshTarget(text), source };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'tcp:' && url.hostname !== '') {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (certificates === undefined && !isLoopback(host) && !isInsecure) throw unprotected(text, source);
    if (certificates === undefined) return { kind: 'tcp', host, port: Number(url.port || 2375), source };
    return { kind: 'tcp', host, port: Number(url.port || 2376), certificates, source };
  }
  throw new AppError(
    'invalid-config',
    `Cannot use engine "${text}" from ${source}: it is ${text.startsWith('tcp://') ? 'not tcp://host:port' : 'neither unix://, ssh:// nor tcp://'}`,
    {
      next: 'Name it as ssh://user@host, unix:///path/to/docker.sock, or tcp://host:2376 with DOCKER_CERT_PATH.',
    },
  );
}

/** Whether whoever names it means another machine than this one. */
export function isOfAnotherMachine(endpoint: EngineEndpoint): boolean {
  return endpoint.kind === 'ssh' || (endpoint.kind === 'tcp' && !isLoopback(endpoint.host));
}

/** Whether what goes to another machine can be read and changed on its way. */
export function isInTheClear(endpoint: EngineEndpoint): boolean {
  return endpoint.kind === 'tcp' && endpoint.certificates === undefined && !isLoopback(endpoint.host);
}

export function describeEndpoint(endpoint: EngineEndpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  if (endpoint.kind === 'ssh') return describeSshTarget(endpoint.target);
  return `tcp://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
}

function configDirectoryOf({ env, homeDirectory }: EndpointInputs): string {
  return env['DOCKER_CONFIG'] || join(homeDirectory, '.docker');
}

function isInsecureAllowed({ env }: EndpointInputs): boolean {
  return env[environmentNames.insecureEngine] === '1';
}

function unprotected(text: string, source: string): AppError {
  const state = 'without certificates, tcp:// to another machine is neither encrypted nor authenticated';
  return new AppError('invalid-config', `Cannot use engine "${text}" from ${source}: ${state}`, {
    next: `Name it as ssh://user@host, or set DOCKER_CERT_PATH; on a network where you trust everybody: --insecure, or ${environmentNames.insecureEngine}=1.`,
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function defaultSockets({ env, homeDirectory }: EndpointInputs): string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    join(homeDirectory, '.docker/run/docker.sock'),
    '/run/podman/podman.sock',
    ...(runtime ? [join(runtime, 'podman/podman.sock')] : []),
  ];
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket();
  } catch {
    return false; // Not there, or not ours to see: the same as no engine.
  }
}
