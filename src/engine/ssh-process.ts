import { type ChildProcess, spawn } from 'node:child_process';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { noAnswer, sshError } from './ssh-errors.ts';
import { type SshTarget, sshWords } from './ssh-target.ts';

/** Nobody is there to answer a question, and what a person's configuration adds for a terminal would be in the way. */
const unattended = [
  'BatchMode=yes',
  'ConnectTimeout=15',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=3',
  // It would have to outlive those who share it; it may share what is there.
  'ControlMaster=no',
  'RemoteCommand=none',
  'PermitLocalCommand=no',
  // Those of a person's configuration are for that person's own ssh, which needs the ports.
  'ClearAllForwardings=yes',
  // What went wrong, whatever the configuration hides, and no banner.
  'LogLevel=ERROR',
].flatMap((option) => ['-o', option]);
const mostOutput = 64 * 1024;

// Ends ssh and takes its folder away when whoever started it is gone, however that ended; tells how ssh ended. Asks it
// again and again: one that is about to wait for its server misses a signal, and sees it once the server says something.
const guard = `exec 3<&0
folder=$1
shift
"$@" </dev/null 3<&- &
ssh=$!
{ cat <&3 >/dev/null; while kill "$ssh"; do sleep 1; done; } 2>/dev/null &
cat=$!
exec 3<&-
wait "$ssh"
code=$?
kill "$cat" 2>/dev/null
rm -rf -- "$folder"
exit "$code"`;

/** The words after `ssh` that run a command there, for a shell of any kind. */
export function sshToRun(target: SshTarget, command: string): string[] {
  return [...unattended, '-T', ...sshWords(target), command];
}

/** What a command prints on the target. Raises what keeps it from running there. */
export function askOverSsh(target: SshTarget, command: string, signal: AbortSignal): Promise<string> {
  return saidBySsh(target, sshToRun(target, command), signal);
}

/** Where ssh would go, as its configuration has it. */
export interface SshRoute {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Another machine or a program is on the way. */
  readonly isIndirect: boolean;
}

/** Asks ssh itself; nothing is connected. */
export async function sshRoute(target: SshTarget, signal: AbortSignal): Promise<SshRoute> {
  const said = await saidBySsh(target, ['-G', ...sshWords(target)], signal);
  const settings = new Map(
    said.split('\n').map((line): [string, string] => {
      const [name = '', ...words] = line.split(' ');
      return [name, words.join(' ')];
    }),
  );
  const isIndirect = ['proxyjump', 'proxycommand'].some((name) => !['none', undefined].includes(settings.get(name)));
  const [host = target.host, port = '22', user = ''] = ['hostname', 'port', 'user'].map((name) => settings.get(name));
  return { host, port: Number(port), user, isIndirect };
}

/** What ssh prints. Raises why it failed. */
export async function saidBySsh(target: SshTarget, words: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn('ssh', words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
    // Ctrl-C in a terminal is for this process.
    detached: true,
  });
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  const exitCode = await ended(child).catch((cause: unknown) => {
    throw signal.aborted ? noAnswer(target, cause) : cause;
  });
  if (exitCode !== 0) throw sshError({ target, exitCode, stderr: stderr() });
  return stdout();
}

/** Removes a folder when this process is gone, however it ended; a call removes it at once. */
export function removeAtTheEnd(folder: string): () => void {
  const child = spawn('/bin/sh', ['-c', 'cat >/dev/null; rm -rf -- "$1"', 'agora-ssh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Then the folder stays, and is empty.
  child.on('error', () => undefined);
  keepNoProcessAlive(child);
  return () => child.stdin.destroy();
}

/** An ssh that works for this process, and no longer than it. */
export interface SshChild {
  /** Resolves with why it ended; never rejects. */
  readonly ended: Promise<AppError>;
  end(): void;
}

/** Starts ssh with a folder of its own, which is removed when it ends. The options count before ours. */
export function startSsh(target: SshTarget, options: readonly string[], folder: string): SshChild {
  const child = spawn(
    '/bin/sh',
    ['-c', guard, 'agora-ssh', folder, 'ssh', ...options, ...unattended, ...sshWords(target)],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
      // Ctrl-C in a terminal is for this process, which may still have to tell the engine something.
      detached: true,
    },
  );
  const stderr = textOf(child.stderr);
  const over = ended(child).then(
    (exitCode) => sshError({ target, exitCode, stderr: stderr() }),
    (error: AppError) => error,
  );
  keepNoProcessAlive(child);
  return { ended: over, end: () => child.stdin?.destroy() };
}

export function keepNoProcessAlive(child: ChildProcess): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr])
    if (pipe !== null && 'unref' in pipe) (pipe.unref as () => void)();
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('close', (exitCode) => resolve(exitCode));
    child.on('error', (error) => reject(systemErrorCode(error) === 'ENOENT' ? missingSsh() : error));
  });
}

function missingSsh(): AppError {
  return new AppError('unreachable', 'Cannot start "ssh": it is not installed', {
    next: 'Install the OpenSSH client (on Debian: `apt-get install openssh-client`).',
  });
}

function textOf(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-mostOutput);
  });
  return () => text;
}
