import { mkdir, writeFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where one git call works. Without `gitDir` git looks for the repository that holds `directory`, to read from it. */
export interface GitFolder {
  readonly gitDir?: string;
  readonly workTree?: string;
  readonly indexFile?: string;
  /** Object folders of other repositories to read from. */
  readonly alternates?: readonly string[];
  readonly directory?: string;
}

// Attributes in a repository's own info folder win over every .gitattributes file in a tree, so bytes stay bytes.
const neutralAttributes =
  '* -text !eol !crlf !ident !filter !working-tree-encoding !diff !merge !conflict-marker-size !whitespace ' +
  '!export-ignore !export-subst !delta !encoding\n';

const settings: Readonly<Record<string, string>> = {
  'core.hooksPath': devNull,
  'core.attributesFile': devNull,
  'core.excludesFile': devNull,
  'core.fsmonitor': 'false',
  'core.untrackedCache': 'false',
  'core.autocrlf': 'false',
  'core.safecrlf': 'false',
  'core.fileMode': 'true',
  'core.symlinks': 'true',
  'core.ignoreCase': 'false',
  'core.precomposeUnicode': 'false',
  'core.protectHFS': 'true',
  'core.protectNTFS': 'true',
  'core.quotePath': 'true',
  'core.compression': '0',
  'core.looseCompression': '0',
  'core.fsync': 'none',
  'core.logAllRefUpdates': 'false',
  'core.commitGraph': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'protocol.allow': 'never',
  'apply.whitespace': 'nowarn',
  'index.threads': '1',
  'fastimport.unpackLimit': '0',
  'tar.umask': '0022',
  // Every setting that could run a program of a repository not our own is overridden, so its owner does not matter.
  'safe.directory': '*',
};

/** Command-line settings of every git call; they win over any file. */
export const gitOverrides: readonly string[] = [
  '--no-pager',
  ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
];

const identity = { name: 'agora', email: 'agora@localhost', date: '@0 +0000' };

// The caller's environment is not inherited: GIT_* variables of a hook or an editor would redirect the call.
const fixedEnvironment: Readonly<Record<string, string>> = {
  PATH: ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin', '/run/current-system/sw/bin'].join(delimiter),
  LC_ALL: 'C',
  TZ: 'UTC',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: devNull,
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  GIT_EDITOR: 'false',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_AUTHOR_NAME: identity.name,
  GIT_AUTHOR_EMAIL: identity.email,
  GIT_AUTHOR_DATE: identity.date,
  GIT_COMMITTER_NAME: identity.name,
  GIT_COMMITTER_EMAIL: identity.email,
  GIT_COMMITTER_DATE: identity.date,
};

export function gitEnvironment(folder: GitFolder): Record<string, string> {
  return {
    ...fixedEnvironment,
    ...(folder.gitDir === undefined ? {} : { GIT_DIR: folder.gitDir }),
    ...(folder.workTree === undefined ? {} : { GIT_WORK_TREE: folder.workTree }),
    ...(folder.indexFile === undefined ? {} : { GIT_INDEX_FILE: folder.indexFile }),
    ...(folder.alternates === undefined
      ? {}
      : { GIT_ALTERNATE_OBJECT_DIRECTORIES: folder.alternates.map((path) => JSON.stringify(path)).join(delimiter) }),
  };
}

/** Makes an empty repository of our own, without a process. Fine if it is there. */
export async function createRepository(gitDir: string): Promise<void> {
  await mkdir(gitDir, { recursive: true, mode: 0o700 });
  await Promise.all(['objects', 'refs', 'info'].map((name) => mkdir(join(gitDir, name), { recursive: true })));
  await Promise.all([
    writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n'),
    writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = false\n'),
    writeFile(join(gitDir, 'info', 'attributes'), neutralAttributes),
  ]);
}
