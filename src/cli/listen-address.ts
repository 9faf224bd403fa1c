import { isIP } from 'node:net';
import { AppError } from '../contracts/errors.ts';
import { serverDefaults } from '../contracts/fleet-names.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `:port`, `port`, `[::1]:port` or the same as a URL. */
export function listenAddress(typed: string): ListenAddress {
  const bare = typed.replace(/^https?:\/\//i, '').replace(/\/$/, '');
  const match = /^(?:(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9._-]*)):)?(?<port>[0-9]{1,5})$/.exec(bare);
  const { six, host = '', port: digits } = match?.groups ?? {};
  const port = Number(digits);
  const isAddress = match !== null && port <= 65_535 && (six === undefined || isIP(six) === 6);
  if (isAddress) return { host: six ?? (host || '0.0.0.0'), port };
  throw new AppError('usage', `Cannot listen on "${typed}": it is not host:port`, {
    next: `Such as ${serverDefaults.listen}, or 0.0.0.0:${serverDefaults.port} for every address of this machine.`,
  });
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith('127.');
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || bare.startsWith('::ffff:127.');
}
