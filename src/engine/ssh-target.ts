import { AppError } from '../contracts/errors.ts';

/** A machine as `ssh` is told of it; what is missing is the ssh configuration's to say. */
export interface SshTarget {
  /** A name or address, or a `Host` of the ssh configuration. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** The engine's socket on that machine. Undefined: the one that its docker client uses. */
  readonly socket: string | undefined;
}

const namePattern = /^[A-Za-z0-9_][\w.-]{0,252}$/;
const addressPattern = /^[0-9A-Fa-f:.]{2,45}(%[\w.-]+)?$/;
const userPattern = /^[A-Za-z0-9_][\w.\\@+-]{0,127}$/;

/** `ssh://[user@]host[:port][/socket]`. Raises `invalid-config`. */
export function parseSshTarget(text: string): SshTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'ssh:') throw refused(text, 'it is not ssh://[user@]host[:port]');
  if (url.password !== '') throw refused('ssh://…', 'it holds a password, which ssh takes from no address');
  if (url.search !== '' || url.hash !== '') throw refused(text, 'it goes on after the host');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const user = decoded(url.username);
  // Neither may be taken for an option of ssh.
  if (!namePattern.test(host) && !addressPattern.test(host)) throw refused(text, 'its host is no name and no address');
  if (user !== '' && !userPattern.test(user)) throw refused(text, 'its user is no name of a user');
  const socket = decoded(url.pathname);
  if (/\p{Cc}/u.test(socket)) throw refused(text, 'its socket is no path');
  return {
    host,
    user: user === '' ? undefined : user,
    port: url.port === '' ? undefined : Number(url.port),
    socket: socket === '' || socket === '/' ? undefined : socket,
  };
}

export function describeSshTarget({ host, user, port, socket }: SshTarget): string {
  const place = host.includes(':') ? `[${host}]` : host;
  return `ssh://${user === undefined ? '' : `${user}@`}${place}${port === undefined ? '' : `:${port}`}${socket ?? ''}`;
}

/** Words of an `ssh` command line that name the target; last of the options. */
export function sshWords({ host, user, port }: SshTarget): string[] {
  return [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)]), '--', host];
}

/** The command that a person would type to get there. */
export function sshCommand({ host, user, port }: SshTarget): string {
  return `ssh ${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // Its pattern refuses the percent sign.
  }
}

function refused(text: string, state: string): AppError {
  return new AppError('invalid-config', `Cannot use engine "${text}": ${state}`, {
    next: 'Name it as ssh://user@host or ssh://user@host:port.',
  });
}
