import { ItemClock } from './item-clock.ts';
import { jsonText } from './json-text.ts';
import type { Output } from './output.ts';
import type { RunState } from './run-state.ts';
import { itemLine, questionLines, treeLines } from './status-tree.ts';

/** Shows a run as it goes. */
export interface RunView {
  show(state: RunState): Promise<void>;
  /** Nothing changed, but time passed. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** JSON lines; or a live tree on a terminal and a plain line per changed item elsewhere. */
export function openRunView(kind: 'json' | 'tree', output: Output): RunView {
  if (kind === 'json') return new JsonView(output);
  return output.isTerminal ? new TreeView(output) : new LineView(output);
}

class JsonView implements RunView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  show(state: RunState): Promise<void> {
    return this.#output.write(`${jsonText(state.record)}\n`);
  }

  async refresh(): Promise<void> {}

  async close(): Promise<void> {}
}

class LineView implements RunView {
  readonly #output: Output;
  readonly #clock = new ItemClock();
  readonly #said = new Map<string, string>();

  constructor(output: Output) {
    this.#output = output;
  }

  async show(state: RunState): Promise<void> {
    this.#clock.note(state.record);
    const width = Math.max(...state.record.items.map((item) => item.id.length));
    for (const item of state.record.items) {
      const key = `${item.status} ${item.attempt}`;
      if (this.#said.get(item.id) === key) continue;
      this.#said.set(item.id, key);
      // As of the record, which may be of yesterday; what begins just now has no time worth telling.
      const elapsedMs = this.#clock.elapsedMs(item, Date.parse(state.record.at));
      const line = itemLine(item, elapsedMs === 0 ? undefined : elapsedMs, width);
      await this.#output.write(`${[line, ...questionLines(state.record.runId, item)].join('\n')}\n`);
    }
  }

  async refresh(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Redraws its lines in place, also while nothing changes, so that times run. */
class TreeView implements RunView {
  static readonly #frameMs = 200;
  readonly #output: Output;
  readonly #clock = new ItemClock();
  readonly #timer: NodeJS.Timeout;
  #state: RunState | undefined;
  #drawnLines = 0;

  constructor(output: Output) {
    this.#output = output;
    this.#timer = setInterval(() => void this.#draw(), TreeView.#frameMs);
    this.#timer.unref();
  }

  async show(state: RunState): Promise<void> {
    this.#clock.note(state.record);
    this.#state = state;
    await this.#draw();
  }

  refresh(): Promise<void> {
    return this.#draw();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#draw();
  }

  async #draw(): Promise<void> {
    if (this.#state === undefined) return;
    const { columns, rows } = this.#output;
    const lines = treeLines(this.#state, this.#clock, { now: Date.now(), columns, rows: rows - 1 });
    const back = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A`;
    this.#drawnLines = lines.length;
    // Each line is cleared to its end, and what a longer picture left below is cleared last.
    await this.#output.write(`${back}\r${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
  }
}
