import { lstat, readlink, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { NetworkPolicy } from '../contracts/plan.ts';

/** Where the Node binary is inside; first on the subagent's search path. */
export const sandboxNodeFolder = '/agora/bin';
export const sandboxPath = `${sandboxNodeFolder}:/usr/local/bin:/usr/bin:/bin`;

/** The subagent's user as it sees itself. */
export const sandboxUserId = 1000;

/** A folder or file of the host, and where it appears inside. */
export interface SandboxBind {
  readonly source: string;
  readonly target: string;
  readonly isWritable: boolean;
}

export interface SandboxOptions {
  readonly bubblewrap: string;
  readonly host: HostRoot;
  readonly network: NetworkPolicy;
  readonly binds: readonly SandboxBind[];
  /** Where the command starts. Default: `/`. */
  readonly workingFolder?: string;
}

/** What a sandbox shows of the host: the links into `/usr`, and the files that exist. */
export interface HostRoot {
  readonly links: readonly { readonly target: string; readonly path: string }[];
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly networkFiles: readonly string[];
}

const programFolders = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const sharedFiles = [
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/localtime',
  '/etc/nsswitch.conf',
  '/etc/pki/ca-trust',
  '/etc/pki/tls/certs',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
];
const networkFiles = ['/etc/hosts', '/etc/protocols', '/etc/resolv.conf', '/etc/services'];

/** Looks at what of the allow-list this host has. */
export async function readHostRoot(): Promise<HostRoot> {
  const links: { target: string; path: string }[] = [];
  const folders: string[] = ['/usr'];
  for (const path of programFolders) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isSymbolicLink()) links.push({ target: await readlink(path), path });
    else if (stats?.isDirectory()) folders.push(path);
  }
  return { links, folders, files: await existing(sharedFiles), networkFiles: await existing(networkFiles) };
}

/**
 * The bubblewrap command line up to the command itself. Nothing of the host is inside but what is named here; `/` and
 * `/dev` cannot be written, so that what the subagent writes lies in a bind and is counted. With `internet` it shares
 * the host's network, loopback included.
 */
export function bubblewrapCommand({ bubblewrap, host, network, binds, workingFolder = '/' }: SandboxOptions): string[] {
  const readOnly = [...host.folders, ...host.files, ...(network === 'internet' ? host.networkFiles : [])];
  return [
    bubblewrap,
    '--unshare-all',
    ...(network === 'internet' ? ['--share-net'] : []),
    '--die-with-parent',
    '--new-session',
    ...['--uid', String(sandboxUserId), '--gid', String(sandboxUserId), '--hostname', 'agora'],
    ...readOnly.flatMap((path) => ['--ro-bind', path, path]),
    ...host.links.flatMap(({ target, path }) => ['--symlink', target, path]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...binds.flatMap(({ source, target, isWritable }) => [isWritable ? '--bind' : '--ro-bind', source, target]),
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
    ...['--chdir', workingFolder],
  ];
}

/** Which of the usual places has bubblewrap. */
export async function findBubblewrap(): Promise<string | undefined> {
  return (await existing(['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap']))[0];
}

/** True when a user with no rights of its own can open this file. */
export async function isOpenToEverybody(file: string): Promise<boolean> {
  if (((await stat(file)).mode & 0o005) !== 0o005) return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => path,
        () => undefined,
      ),
    ),
  );
  return found.filter((path) => path !== undefined);
}
