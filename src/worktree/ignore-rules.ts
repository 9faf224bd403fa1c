import { once } from 'node:events';
import { AppError } from '../contracts/errors.ts';
import { type GitFolder, spawnGit } from './git.ts';

type GitProcess = ReturnType<typeof spawnGit>;

/**
 * Asks git which paths the `.gitignore` files of a worktree hide: one process for all questions, started with the
 * first. Paths are byte strings (latin1), relative to the worktree.
 */
export class IgnoreRules {
  readonly #folder: GitFolder;
  #process: GitProcess | undefined;
  #answers: AsyncIterator<string> | undefined;

  constructor(folder: GitFolder) {
    this.#folder = folder;
  }

  async notIgnored(paths: readonly string[]): Promise<Set<string>> {
    const { process, answers } = this.#start();
    process.stdin.write(Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1'));
    const kept = new Set<string>();
    for (const path of paths) {
      // Four fields answer each path: the file with the rule, its line, the rule, the path.
      const [, , rule] = [await next(answers), await next(answers), await next(answers), await next(answers)];
      if (rule === '' || rule?.startsWith('!')) kept.add(path);
    }
    return kept;
  }

  async close(): Promise<void> {
    if (this.#process === undefined) return;
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await ended;
  }

  #start(): { process: GitProcess; answers: AsyncIterator<string> } {
    this.#process ??= startProcess(this.#folder);
    this.#answers ??= fields(this.#process.stdout as AsyncIterable<Buffer>);
    return { process: this.#process, answers: this.#answers };
  }
}

function startProcess(folder: GitFolder): GitProcess {
  const process = spawnGit(folder, ['check-ignore', '--no-index', '-z', '-v', '-n', '--stdin']);
  process.stdin.on('error', () => {});
  process.on('error', () => {});
  process.stderr.resume();
  return process;
}

async function* fields(stdout: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stdout) {
    const parts = (rest + chunk.toString('latin1')).split('\0');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}

async function next(answers: AsyncIterator<string>): Promise<string> {
  const { done, value } = await answers.next();
  if (done === true) throw new AppError('internal', 'Cannot read the ignore rules: git ended early');
  return value;
}
