import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shellWord } from '../base/shell-word.ts';
import type { OpenLink } from './ssh-forwarding.ts';
import { askOverSsh, keepNoProcessAlive, removeAtTheEnd, sshToRun } from './ssh-process.ts';
import type { SshTarget } from './ssh-target.ts';

/**
 * A private local socket of this process, each connection to which is a `docker system dial-stdio` on the target. Raises
 * what keeps docker from answering there.
 */
export async function dialling(target: SshTarget, signal: AbortSignal): Promise<OpenLink> {
  await askOverSsh(target, `${dockerOf(target)} version --format "{{.Server.Version}}"`, signal);
  const folder = await mkdtemp(join(tmpdir(), 'agora-ssh-'));
  const remove = removeAtTheEnd(folder);
  const path = join(folder, 'engine');
  const server = createServer({ allowHalfOpen: true }, (socket) => dial(target, socket));
  server.listen(path);
  await once(server, 'listening');
  server.unref();
  const close = () => {
    server.close();
    remove();
  };
  return { path, ended: once(server, 'close'), close };
}

function dial(target: SshTarget, socket: Socket): void {
  const child = spawn('ssh', sshToRun(target, `${dockerOf(target)} system dial-stdio`), {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  child.on('error', () => socket.destroy());
  // Then it has no pipes either.
  if (child.pid === undefined) return;
  // Who waits for an answer holds the other end of the socket, which keeps this process alive.
  keepNoProcessAlive(child);
  socket.unref();
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
  // An engine may answer, and take no more, before it got all; then its answer still comes.
  child.stdin.on('error', () => undefined);
  socket.on('error', () => child.kill());
  socket.on('close', () => child.kill());
  child.on('close', () => socket.destroySoon());
}

/** The docker client there, at the engine that the target names. */
function dockerOf({ socket }: SshTarget): string {
  return socket === undefined ? 'docker' : `docker -H ${shellWord(`unix://${socket}`)}`;
}
