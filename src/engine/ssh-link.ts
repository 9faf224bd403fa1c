import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { withDeadline } from '../base/deadline.ts';
import { retry } from '../base/retry.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { dialling } from './ssh-dialling.ts';
import { legOf } from './ssh-errors.ts';
import { forwarding, type OpenLink } from './ssh-forwarding.ts';
import { askOverSsh } from './ssh-process.ts';
import { describeSshTarget, type SshTarget } from './ssh-target.ts';

/** A name to look up, a key to exchange and a docker client to start, on a slow line. */
const openMs = 45_000;
/** A target that just failed is not asked again at once: many calls wait for it together. */
const quietMs = 1_000;
const fallbackSocket = '/var/run/docker.sock';
// In double quotes, which a POSIX shell, cmd and PowerShell all take.
const goneErrors: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED']);
const askForHost = 'docker context inspect --format "{{.Endpoints.docker.Host}}"';

/**
 * The engine of another machine through the system's own `ssh`: what `ssh <target> docker version` needs is all that
 * this needs. One process forwards a private local socket; where that cannot be, each connection is a
 * `docker system dial-stdio` of its own. A link that broke is opened again by whoever connects next.
 */
export class SshLink {
  readonly target: SshTarget;
  #opening: Promise<OpenLink> | undefined;
  #current: OpenLink | undefined;
  #failure: { readonly error: unknown; readonly until: number } | undefined;

  constructor(target: SshTarget) {
    this.target = target;
  }

  /** A connection to the far engine. Raises `unreachable`, with why and what to do. */
  async connect(): Promise<Socket> {
    const link = await this.#open();
    try {
      return await connected(link.path);
    } catch (error) {
      if (!goneErrors.has(systemErrorCode(error) ?? '')) throw error;
      // Ssh is gone and nobody noticed yet.
      this.#forget(link);
      return connected((await this.#open()).path);
    }
  }

  /** Ends ssh. A later connection opens the link again, at once. */
  async close(): Promise<void> {
    this.#failure = undefined;
    const link = await this.#opening?.catch(() => undefined);
    if (link !== undefined) this.#forget(link);
  }

  #open(): Promise<OpenLink> {
    if (this.#failure !== undefined && performance.now() < this.#failure.until)
      return Promise.reject(this.#failure.error);
    this.#opening ??= this.#begin();
    return this.#opening;
  }

  async #begin(): Promise<OpenLink> {
    try {
      const link = await openLink(this.target, withDeadline(openMs));
      void link.ended.then(() => this.#forget(link));
      this.#current = link;
      return link;
    } catch (error) {
      this.#opening = undefined;
      this.#failure = { error, until: performance.now() + quietMs };
      throw error;
    }
  }

  #forget(link: OpenLink): void {
    link.close();
    if (this.#current !== link) return;
    this.#current = undefined;
    this.#opening = undefined;
  }
}

async function openLink(target: SshTarget, signal: AbortSignal): Promise<OpenLink> {
  try {
    const far = target.socket ?? (await farSocket(target, signal));
    const forwarded = far === undefined ? undefined : await forwarding(target, far, signal);
    return forwarded ?? (await dialling(target, signal));
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new AppError(
      'unreachable',
      `Cannot reach "${describeSshTarget(target)}": no answer within ${openMs / 1000} s`,
      {
        cause,
        next: 'Check the network and the load of that machine.',
      },
    );
  }
}

/** Undefined where the engine has no unix socket. */
async function farSocket(target: SshTarget, signal: AbortSignal): Promise<string | undefined> {
  const said = await askOverSsh(target, askForHost, signal).catch((error: Error) => {
    if (legOf(error) !== undefined) throw error;
    return hostWithoutContexts(target, signal);
  });
  const host = said.trim().split('\n').at(-1)?.trim() ?? '';
  if (host === '' || host.startsWith('<')) return fallbackSocket;
  return host.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
}

/** Of a docker client that is too old for contexts, or is none of Docker's. Raises what keeps it from an answer. */
async function hostWithoutContexts(target: SshTarget, signal: AbortSignal): Promise<string> {
  await askOverSsh(target, 'docker version --format "{{.Server.Version}}"', signal);
  return askOverSsh(target, 'echo "$DOCKER_HOST"', signal);
}

/** Many at once fill the queue of those that are not accepted yet. */
function connected(path: string): Promise<Socket> {
  const isRetryable = (error: unknown) => systemErrorCode(error) === 'EAGAIN';
  return retry(() => connectOnce(path), { isRetryable, attempts: 200, delayMs: 5, factor: 1 });
}

async function connectOnce(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

const links = new Map<string, SshLink>();

/** This process's link to a target: there is one, whoever asks. */
export function sshLinkTo(target: SshTarget): SshLink {
  const name = describeSshTarget(target);
  const link = links.get(name) ?? new SshLink(target);
  links.set(name, link);
  return link;
}
