const mostLines = 64;
const shownCharacters = 200;

/** Lines of the result that tell of single files: the first ones, and how many more there were. */
export class ListedLines {
  readonly #lines: string[] = [];
  #count = 0;

  add(path: string, reason?: string): void {
    this.#count += 1;
    if (this.#lines.length >= mostLines) return;
    const shown = JSON.stringify(path.length > shownCharacters ? `${path.slice(0, shownCharacters)}…` : path);
    this.#lines.push(reason === undefined ? shown : `${shown}: ${reason}`);
  }

  all(): string[] {
    const hidden = this.#count - this.#lines.length;
    return [...this.#lines.toSorted(), ...(hidden > 0 ? [`${hidden} more`] : [])];
  }
}
