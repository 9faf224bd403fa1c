import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { shellWord } from '../base/shell-word.ts';
import { socketFolder } from './socket-folder.ts';
import type { SshShell } from './ssh-connection.ts';
import { hasEngine } from './ssh-forwarding.ts';
import { keepNoProcessAlive, removeAtTheEnd } from './ssh-process.ts';
import type { SshSession, SshSessions } from './ssh-sessions.ts';
import type { SshTarget } from './ssh-target.ts';

/** A local socket of this process that leads to an engine. */
export interface Dialling {
  readonly path: string;
  close(): void;
}

/**
 * A private local socket of this process, each connection to which is a `docker system dial-stdio` on the target. Raises
 * what keeps docker from answering there.
 */
export async function dialling(shell: SshShell, sessions: SshSessions, signal: AbortSignal): Promise<Dialling> {
  const folder = await socketFolder();
  const remove = removeAtTheEnd(folder);
  const path = join(folder, 'engine');
  const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, sessions));
  server.listen(path);
  const close = () => {
    server.close();
    sessions.close();
    remove();
  };
  try {
    await once(server, 'listening');
    server.unref();
    if (!(await hasEngine(path, signal))) await explain(shell, signal);
    return { path, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Raises what keeps docker from answering, where it says so; a connection itself says nothing. */
async function explain(shell: SshShell, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const docker = dockerOf(shell.target);
  await shell.ask(`${docker} version --format "{{.Server.Version}}"`, signal);
  await shell.ask(`${docker} system dial-stdio`, signal);
}

async function serve(socket: Socket, sessions: SshSessions): Promise<void> {
  socket.on('error', () => undefined);
  let session: SshSession | undefined;
  try {
    session = await sessions.enter();
    if (socket.destroyed) session.leave();
    else dial(socket, session);
  } catch {
    // Whoever asks gets no answer, and the next one asks ssh anew.
    session?.leave();
    socket.destroy();
  }
}

function dial(socket: Socket, { shell, leave }: SshSession): void {
  const child = spawn('ssh', shell.words(`${dockerOf(shell.target)} system dial-stdio`), {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  child.on('error', () => socket.destroy());
  if (child.pid === undefined) {
    // Then it has no pipes either.
    leave();
    return;
  }
  child.on('close', () => {
    leave();
    socket.destroySoon();
  });
  // Who waits for an answer holds the other end of the socket, which keeps this process alive.
  keepNoProcessAlive(child);
  socket.unref();
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
  // An engine may answer, and take no more, before it got all; then its answer still comes.
  child.stdin.on('error', () => undefined);
  socket.on('error', () => child.kill());
  socket.on('close', () => child.kill());
}

/** The docker client there, at the engine that the target names. */
function dockerOf({ socket }: SshTarget): string {
  return socket === undefined ? 'docker' : `docker -H ${shellWord(`unix://${socket}`)}`;
}
