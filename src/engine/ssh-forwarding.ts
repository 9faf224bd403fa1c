import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, withDeadline } from '../base/deadline.ts';
import { startSsh } from './ssh-process.ts';
import type { SshTarget } from './ssh-target.ts';

/** A local socket behind which a far engine answers. */
export interface OpenLink {
  readonly path: string;
  /** Resolves when nothing answers there any more. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/** From the start of ssh on, whose login may be slow. */
const firstAnswerMs = 20_000;
const pauseMs = 10;
/** A process of its own: one that shared a connection would leave the forwarding to it. */
const alone = ['-N', '-T', '-o', 'ControlMaster=no', '-o', 'ControlPath=none', '-o', 'StreamLocalBindMask=0177'];

/**
 * A private local socket that leads to a socket of the target. Undefined where the target forwards none, or nothing
 * answers through it.
 */
export async function forwarding(
  target: SshTarget,
  socket: string,
  signal: AbortSignal,
): Promise<OpenLink | undefined> {
  // Short: a unix socket's path has 107 bytes at most.
  const folder = await mkdtemp(join(tmpdir(), 'agora-ssh-'));
  const path = join(folder, 'engine');
  const child = startSsh(target, [...alone, '-L', `${forwardWord(path)}:${forwardWord(socket)}`], folder);
  let isOver = false;
  void child.ended.then(() => {
    isOver = true;
  });
  const patience = withDeadline(firstAnswerMs, signal);
  while (!isOver && !patience.aborted) {
    const answer = await pinged(path, patience);
    if (answer === 'engine') return { path, ended: child.ended, close: child.end };
    // It listens and leads nowhere.
    if (answer === 'closed') break;
    await sleep(pauseMs, patience).catch(() => undefined);
  }
  child.end();
  await child.ended;
  signal.throwIfAborted();
  return undefined;
}

/** Ssh reads a colon as the end of a path, and a percent sign as the begin of a name of its own. */
function forwardWord(path: string): string {
  return path.replace(/[\\:]/g, '\\$&').replaceAll('%', '%%');
}

/** What answers at a local socket: an engine, somebody who closes the connection, or nobody yet. */
function pinged(socketPath: string, signal: AbortSignal): Promise<'engine' | 'closed' | 'nobody'> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, path: '/_ping', signal, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'engine' : 'closed');
    });
    asking.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? 'nobody' : 'closed'),
    );
    asking.end();
  });
}
