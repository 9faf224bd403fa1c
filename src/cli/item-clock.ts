import { isTerminalItem } from '../contracts/run.ts';
import type { ItemView, StatusRecord } from '../contracts/status.ts';

/** When items started and ended, as far as the status records tell. */
export class ItemClock {
  readonly #startedAt = new Map<string, number>();
  readonly #endedAt = new Map<string, number>();

  note(record: StatusRecord): void {
    const at = Date.parse(record.at);
    for (const item of record.items) {
      if (item.attempt > 0 && !this.#startedAt.has(item.id)) this.#startedAt.set(item.id, at);
      if (isTerminalItem(item.status) && !this.#endedAt.has(item.id)) this.#endedAt.set(item.id, at);
    }
  }

  /** From the first attempt's start to the end, or to now; undefined before the first. */
  elapsedMs(item: ItemView, now: number): number | undefined {
    const startedAt = this.#startedAt.get(item.id);
    return startedAt === undefined ? undefined : Math.max(0, (this.#endedAt.get(item.id) ?? now) - startedAt);
  }
}
