import type { Redactor } from '../base/redact.ts';
import type { ChangedFile, ReviewFile, Verdict } from '../worktree/review-changes.ts';
import { ListedLines } from './listed-lines.ts';

const keep: Verdict = { kind: 'keep' };
const withhold: Verdict = { kind: 'withhold' };

/** Sees to it that no secret gets into a patch, and remembers what that took. */
export class PatchReview {
  readonly #redactor: Redactor;
  readonly leftOut = new ListedLines();
  readonly redacted = new ListedLines();
  /** The first file whose content at the start held a secret, which every patch of it would show. */
  shownFromStart: string | undefined;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  readonly review: ReviewFile = async (file) => {
    const path = this.#redactor.text(file.path.toString('utf8'));
    if (this.#redactor.holds(file.path)) return this.#leave(path, 'its name holds a secret');
    if (await this.#holdsSecret(file.before())) {
      this.shownFromStart ??= path;
      return this.#leave(path, 'it held a secret from the start, which a patch of it would show');
    }
    if (!(await this.#holdsSecret(file.after()))) return keep;
    if (file.isLink) return this.#leave(path, 'a link whose target holds a secret');
    this.redacted.add(path);
    return { kind: 'replace', content: this.#withoutSecrets(file) };
  };

  #leave(path: string, reason: string): Verdict {
    this.leftOut.add(path, reason);
    return withhold;
  }

  async #holdsSecret(content: AsyncIterable<Buffer>): Promise<boolean> {
    const stream = this.#redactor.stream();
    for await (const chunk of content) stream.push(chunk);
    stream.end();
    return stream.hasFound;
  }

  async *#withoutSecrets({ after }: ChangedFile): AsyncGenerator<Buffer> {
    const stream = this.#redactor.stream();
    for await (const chunk of after()) yield stream.push(chunk);
    yield stream.end();
  }
}
