import { execFile } from 'node:child_process';
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file of this machine and where it goes in the image. */
export interface BaseFile {
  readonly from: string;
  readonly to: string;
}

const programFolders = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** What an image shall have of this machine, besides node and CA certificates. */
export interface BasePrograms {
  /** Without these there is no image. */
  readonly required: readonly string[];
  /** Left out where this machine has none. */
  readonly usual: readonly string[];
  readonly hasGit: boolean;
  /** What a person's shell is drawn by. */
  readonly hasTerminal: boolean;
}

const requiredPrograms = ['bash', 'sh', 'env', 'cat', 'cp', 'mkdir', 'rm', 'ls'];

/** What a command may expect of a machine. */
const usualPrograms = (
  '[ awk base64 basename chmod chown clear cmp comm curl cut date dd df diff dirname du echo egrep expr false fgrep find ' +
  'fold getent grep gunzip gzip head hostname id install join kill less ln make md5sum mktemp mv nl nproc od paste patch ' +
  'printf ps pwd readlink realpath rmdir sed seq sha1sum sha256sum sha512sum sleep sort split stat stty sync tac tail tar ' +
  'tee test timeout touch tr true truncate tty uname uniq unlink wc which whoami xargs xz yes'
).split(' ');

export const workerPrograms: BasePrograms = {
  required: ['git', ...requiredPrograms],
  usual: usualPrograms,
  hasGit: true,
  hasTerminal: true,
};

/** For a program that runs nothing but itself, and whoever looks into its container. */
export const daemonPrograms: BasePrograms = {
  required: ['sh', 'cat', 'ls', 'mkdir', 'chown'],
  usual: ['df', 'env', 'id', 'ps', 'sleep'],
  hasGit: false,
  hasTerminal: false,
};

/** The daemon in a container, which builds workers of its own files, and becomes an ordinary user. */
export const servePrograms: BasePrograms = {
  ...workerPrograms,
  required: [...workerPrograms.required, 'chown', 'id', 'ldd', 'setpriv', 'stat'],
};

/** Git's parts that are programs of their own and are used: the transports and what `git submodule` needs. */
const gitParts = ['git-remote-http', 'git-remote-https', 'git-submodule', 'git-sh-setup', 'git-sh-i18n'];

const gitFolders = ['/usr/lib/git-core', '/usr/libexec/git-core'];
const terminal = 'xterm-256color';
const terminalFolders = ['/lib/terminfo/x', '/usr/share/terminfo/x', '/etc/terminfo/x'];
const certificates = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

export interface BaseOptions {
  readonly besides?: readonly BaseFile[];
  /** Default: what a worker needs. */
  readonly wanted?: BasePrograms;
}

/** The files of a base image from this machine's own, or which required ones it lacks. */
export async function findBaseFiles(
  nodeBinary: string,
  { besides = [], wanted = workerPrograms }: BaseOptions = {},
): Promise<{ readonly files: BaseFile[]; readonly missing: string[] }> {
  const names = [...new Set([...wanted.required, ...wanted.usual])];
  const found = await Promise.all(names.map(async (name) => ({ name, from: await findProgram(name) })));
  const programs = found.flatMap(({ name, from }) => (from === undefined ? [] : [{ from, to: `/usr/bin/${name}` }]));
  const parts = wanted.hasGit ? await findGitParts() : [];
  const certificate = await firstReadable(certificates);
  const executables = [{ from: nodeBinary, to: '/usr/local/bin/node' }, ...programs, ...parts, ...besides];
  const libraries = await findLibraries(executables.map(({ from }) => from));

  const missing = wanted.required.filter((name) => !found.some((one) => one.name === name && one.from !== undefined));
  if (certificate === undefined) missing.push('CA certificates');
  const drawing = wanted.hasTerminal
    ? await firstReadable(terminalFolders.map((folder) => join(folder, terminal)))
    : undefined;
  const described = drawing === undefined ? [] : [{ from: drawing, to: inUsr(drawing) }];
  const trust = certificate === undefined ? [] : [{ from: certificate, to: '/etc/ssl/certs/ca-certificates.crt' }];
  return { files: [...executables, ...libraries, ...trust, ...described], missing };
}

async function findProgram(name: string): Promise<string | undefined> {
  const path = await firstReadable(programFolders.map((folder) => join(folder, name)));
  return path === undefined ? undefined : realpath(path);
}

async function findGitParts(): Promise<BaseFile[]> {
  const folder = await firstReadable(gitFolders);
  if (folder === undefined) return [];
  const present = new Set(await readdir(folder));
  const parts = gitParts.filter((name) => present.has(name));
  return Promise.all(parts.map(async (name) => ({ from: await realpath(join(folder, name)), to: join(folder, name) })));
}

/** The shared libraries of these programs, each with the name it is loaded by. */
async function findLibraries(programs: readonly string[]): Promise<BaseFile[]> {
  const byTarget = new Map<string, BaseFile>();
  for (const path of new Set(programs)) {
    for (const library of await librariesOf(path)) {
      const to = inUsr(library);
      if (!byTarget.has(to)) byTarget.set(to, { from: await realpath(library), to });
    }
  }
  return [...byTarget.values()];
}

async function librariesOf(path: string): Promise<string[]> {
  try {
    const { stdout } = await run('ldd', [path]);
    return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
  } catch {
    return []; // A script or a static program: `ldd` says so by failing.
  }
}

/** In the image `/lib` and `/lib64` are links into `/usr`, so that files lie where they really are. */
function inUsr(path: string): string {
  return /^\/(lib|lib64|bin|sbin)\//.test(path) ? `/usr${path}` : path;
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.R_OK);
      return path;
    } catch {} // Not there: the next one may be.
  }
  return undefined;
}
