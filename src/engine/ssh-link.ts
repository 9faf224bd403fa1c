import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { withDeadline } from '../base/deadline.ts';
import { retry } from '../base/retry.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import { openConnection, type SshConnection, type SshShell, sharedShell } from './ssh-connection.ts';
import { dialling } from './ssh-dialling.ts';
import { legOf } from './ssh-errors.ts';
import { farSocket } from './ssh-far-socket.ts';
import { forwarding } from './ssh-forwarding.ts';
import { SshSessions } from './ssh-sessions.ts';
import { describeSshTarget, type SshTarget } from './ssh-target.ts';

/** A name to look up, a key to exchange and a docker client to start, on a slow line. */
const openMs = 45_000;
/** A target that just failed is not asked again at once: many calls wait for it together. */
const quietMs = 1_000;
const goneErrors: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED']);

/** A local socket behind which a far engine answers. */
interface OpenLink {
  readonly path: string;
  /** Resolves when nothing answers there any more. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/**
 * The engine of another machine through the system's own `ssh`: what `ssh <target> docker version` needs is all that
 * this needs. One login forwards a private local socket; where that cannot be, each connection is a
 * `docker system dial-stdio` on it. A link that broke is opened again by whoever connects next.
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
    return await openAnyLink(target, signal);
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

async function openAnyLink(target: SshTarget, signal: AbortSignal): Promise<OpenLink> {
  try {
    return await linkOver(await openConnection(target, signal), signal);
  } catch (error) {
    // A person may have gone through a login that asks for more than a key, and share it.
    const shared = isAppError(error) && legOf(error) === 'login' ? await sharedShell(target, signal) : undefined;
    if (shared === undefined) throw error;
    return linkWithin(shared, signal);
  }
}

async function linkOver(connection: SshConnection, signal: AbortSignal): Promise<OpenLink> {
  const { ended, close } = connection;
  try {
    const far = await farSocket(connection, signal);
    const path = far === undefined ? undefined : await forwarding(connection, far, signal);
    if (path !== undefined) return { path, ended, close };
    const dialled = await dialling(connection, new SshSessions(connection), signal);
    const closeBoth = () => {
      dialled.close();
      close();
    };
    return { path: dialled.path, ended, close: closeBoth };
  } catch (error) {
    close();
    throw error;
  }
}

async function linkWithin(shared: SshShell, signal: AbortSignal): Promise<OpenLink> {
  const { path, close } = await dialling(shared, new SshSessions(shared, Number.POSITIVE_INFINITY), signal);
  // Whose login it was tells nobody that it ended; then each connection fails, or logs in by itself.
  return { path, ended: new Promise(() => undefined), close };
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
