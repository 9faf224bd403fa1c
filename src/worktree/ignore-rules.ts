import { AppError } from '../contracts/errors.ts';
import { type GitFolder, spawnGit } from './git.ts';

type GitProcess = ReturnType<typeof spawnGit>;

interface Conversation {
  readonly process: GitProcess;
  readonly answers: AsyncIterator<string>;
  readonly ended: Promise<void>;
}

/**
 * Asks git which paths the `.gitignore` files of a worktree hide: one process for all questions, started with the
 * first. Paths are byte strings (latin1), relative to the worktree.
 */
export class IgnoreRules {
  readonly #folder: GitFolder;
  readonly #signal: AbortSignal | undefined;
  #conversation: Conversation | undefined;

  constructor(folder: GitFolder, signal?: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  async notIgnored(paths: readonly string[]): Promise<Set<string>> {
    this.#conversation ??= converse(this.#folder, this.#signal);
    const { process, answers } = this.#conversation;
    process.stdin.write(Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1'));
    const kept = new Set<string>();
    for (const path of paths) {
      // Four fields answer each path: the file with the rule, its line, the rule, the path.
      const field = () => next(answers, this.#signal);
      const [, , rule] = [await field(), await field(), await field(), await field()];
      if (rule === '' || rule?.startsWith('!')) kept.add(path);
    }
    return kept;
  }

  async close(): Promise<void> {
    if (this.#conversation === undefined) return;
    this.#conversation.process.kill('SIGKILL');
    await this.#conversation.ended;
  }
}

function converse(folder: GitFolder, signal: AbortSignal | undefined): Conversation {
  const process = spawnGit(folder, ['check-ignore', '--no-index', '-z', '-v', '-n', '--stdin'], signal);
  // Watched from the start: git may have ended long before anybody waits for that.
  const ended = new Promise<void>((resolve) => process.on('close', () => resolve()));
  process.stdin.on('error', () => {});
  process.on('error', () => {});
  process.stderr.resume();
  return { process, answers: fields(process.stdout as AsyncIterable<Buffer>), ended };
}

async function* fields(stdout: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stdout) {
    const parts = (rest + chunk.toString('latin1')).split('\0');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}

async function next(answers: AsyncIterator<string>, signal: AbortSignal | undefined): Promise<string> {
  const { done, value } = await answers.next();
  signal?.throwIfAborted();
  if (done === true) throw new AppError('internal', 'Cannot read the ignore rules: git ended early');
  return value;
}
