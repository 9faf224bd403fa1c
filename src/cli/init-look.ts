import { basename, dirname, extname, join } from 'node:path';
import { AppError, isAppError } from '../contracts/errors.ts';
import { runIdSchema } from '../contracts/ids.ts';
import { taskDefaults } from '../contracts/names.ts';
import { snapshotDirectory } from '../worktree/snapshot.ts';
import { listSource } from '../worktree/source-files.ts';
import { type FoundFile, hideable, survey } from './init-survey.ts';

/** What a folder is, as far as a plan for it depends on it. */
export interface Look {
  readonly title: string;
  readonly runId: string;
  /** What a run starts from, relative to the folder: all of it where that can be taken. */
  readonly source: string;
  readonly fileCount: number;
  /** By their extensions, the most used first. */
  readonly languages: readonly { readonly name: string; readonly extension: string; readonly files: number }[];
  /** Files that say how a part is built, those nearest to the root first. */
  readonly projects: readonly string[];
  /** Names no file has yet, in the source. */
  readonly products: { readonly inventory: string; readonly openTasks: string };
  /** What a worker needs beyond the default to hold the source. */
  readonly diskMb: number | undefined;
  /** Links that lead out of the folder and that `.gitignore` has to hide, so that the rest can be taken. */
  readonly hidden: readonly string[];
  /** For a person, one line each. */
  readonly notes: readonly string[];
}

const languageNames: Readonly<Record<string, string>> = {
  '.c': 'C',
  '.cc': 'C++',
  '.clj': 'Clojure',
  '.cpp': 'C++',
  '.cs': 'C#',
  '.css': 'CSS',
  '.dart': 'Dart',
  '.ex': 'Elixir',
  '.go': 'Go',
  '.h': 'C',
  '.hs': 'Haskell',
  '.html': 'HTML',
  '.java': 'Java',
  '.js': 'JavaScript',
  '.jsx': 'JavaScript',
  '.json': 'JSON',
  '.kt': 'Kotlin',
  '.lua': 'Lua',
  '.md': 'Markdown',
  '.mjs': 'JavaScript',
  '.php': 'PHP',
  '.py': 'Python',
  '.rb': 'Ruby',
  '.rs': 'Rust',
  '.scala': 'Scala',
  '.sh': 'Shell',
  '.sql': 'SQL',
  '.swift': 'Swift',
  '.tf': 'Terraform',
  '.ts': 'TypeScript',
  '.tsx': 'TypeScript',
  '.vue': 'Vue',
  '.yaml': 'YAML',
  '.yml': 'YAML',
  '.zig': 'Zig',
};

const projectFiles = new Set([
  'package.json',
  'Makefile',
  'go.mod',
  'Cargo.toml',
  'pyproject.toml',
  'pom.xml',
  'build.gradle',
  'CMakeLists.txt',
  'Gemfile',
  'composer.json',
  'mix.exs',
]);

/** What is there besides the files `agora init` writes itself, so that looking twice gives the same. */
export async function lookAt(folder: string, ownNames: readonly string[]): Promise<Look> {
  const listed = await listSource(folder);
  const { files, leaving } = await survey(folder, listed.paths);
  const paths = files.map(({ path }) => path).filter((path) => !ownNames.includes(basename(path)));
  const hidden = listed.repository !== undefined && (await canHide(folder, leaving)) ? leaving : [];
  const { source, sizeBytes, notes } =
    hidden.length > 0 ? wholeWithout(files, hidden) : await chooseSource(folder, paths);
  const title = basename(folder) || 'this folder';
  const inSource = paths.filter((path) => !hidden.includes(path)).flatMap((path) => pathBelow(source, path));
  return {
    title,
    runId: runIdOf(title),
    source,
    fileCount: inSource.length,
    languages: languagesOf(inSource),
    projects: inSource.filter((path) => projectFiles.has(basename(path))).sort(nearestFirst),
    products: {
      inventory: freeName('INVENTORY', inSource),
      openTasks: freeName('OPEN-TASKS', inSource),
    },
    diskMb: diskFor(sizeBytes, inSource.length),
    hidden,
    notes,
  };
}

interface ChosenSource {
  readonly source: string;
  readonly sizeBytes: number;
  readonly notes: readonly string[];
}

/** More of them are no accident of this machine. */
const mostHidden = 20;

async function canHide(folder: string, leaving: readonly string[]): Promise<boolean> {
  return leaving.length > 0 && leaving.length <= mostHidden && (await hideable(folder, leaving));
}

function wholeWithout(files: readonly FoundFile[], hidden: readonly string[]): ChosenSource {
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const links = hidden.length === 1 ? `${hidden[0]} is a link` : `${hidden.length} links, such as ${hidden[0]},`;
  const leads = hidden.length === 1 ? 'that leads out of it, so it is ignored' : 'lead out of it, so they are ignored';
  return { source: '.', sizeBytes, notes: [`${links} ${leads}`] };
}

/** The folder whole, else the fullest folder in it that can be taken: one link that leaves it is enough to refuse it. */
async function chooseSource(folder: string, paths: readonly string[]): Promise<ChosenSource> {
  try {
    return { source: '.', sizeBytes: (await snapshotDirectory(folder)).sizeBytes, notes: [] };
  } catch (refusal) {
    if (!isAppError(refusal, 'source-refused')) throw refusal;
    for (const source of fullestFolders(paths)) {
      const snapshot = await snapshotDirectory(join(folder, source)).catch(() => undefined);
      if (snapshot === undefined) continue;
      const notes = [refusal.message, `so runs start from "${source}", as the config says`];
      return { source, sizeBytes: snapshot.sizeBytes, notes };
    }
    throw new AppError(refusal.code, refusal.message, {
      cause: refusal.cause,
      next: 'Remove it or let .gitignore hide it, or name a folder without it: agora init <dir>',
    });
  }
}

function fullestFolders(paths: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const [top = '', ...below] = path.split('/');
    if (below.length > 0) counts.set(top, (counts.get(top) ?? 0) + 1);
  }
  return [...counts].sort(([, left], [, right]) => right - left).map(([name]) => name);
}

function pathBelow(source: string, path: string): string[] {
  if (source === '.') return [path];
  return path.startsWith(`${source}/`) ? [path.slice(source.length + 1)] : [];
}

function languagesOf(paths: readonly string[]): Look['languages'] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const extension = extname(path).toLowerCase();
    if (languageNames[extension] !== undefined) counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  return [...counts]
    .map(([extension, files]) => ({ extension, files, name: languageNames[extension] ?? extension }))
    .sort((left, right) => right.files - left.files || left.extension.localeCompare(right.extension));
}

function nearestFirst(left: string, right: string): number {
  return left.split('/').length - right.split('/').length || left.localeCompare(right);
}

/** A Markdown file that is not there, in whichever case a file system compares names. */
function freeName(stem: string, paths: readonly string[]): string {
  const taken = new Set(paths.filter((path) => dirname(path) === '.').map((path) => path.toLowerCase()));
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${stem}.md` : `${stem}-${number}.md`;
    if (!taken.has(name.toLowerCase())) return name;
  }
}

function runIdOf(title: string): string {
  const plain = title.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return runIdSchema.parse(`${plain.slice(0, 100) || 'first'}-1`);
}

// Every file takes whole blocks of a disk, so many small ones need more than their bytes.
function diskFor(sizeBytes: number, fileCount: number): number | undefined {
  const neededMb = Math.ceil((sizeBytes + fileCount * 8192) / 1024 / 1024) + 256;
  return neededMb > taskDefaults.diskMb ? neededMb : undefined;
}
