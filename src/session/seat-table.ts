import type { Seat } from './seat.ts';

export interface Viewer {
  readonly actor: string;
  readonly isHere: boolean;
}

/** The seats of a session, in the order in which they were taken. */
export class SeatTable {
  readonly #seats = new Map<string, Seat>();
  /** The longest away first. */
  readonly #away = new Map<Seat, NodeJS.Timeout>();
  #lastLeftAt = performance.now();

  get size(): number {
    return this.#seats.size;
  }

  get all(): readonly Seat[] {
    return [...this.#seats.values()];
  }

  get viewers(): readonly Viewer[] {
    return this.all.map(({ actor, isHere }) => ({ actor, isHere }));
  }

  /** Since when nobody is here, in ms of `performance.now()`; undefined while somebody is. */
  get awaySince(): number | undefined {
    return this.#here.length > 0 ? undefined : this.#lastLeftAt;
  }

  /** Offset up to which the fastest has read of those who are here, or else of those who may come back. */
  get pace(): number {
    const here = this.#here;
    return Math.max(0, ...(here.length > 0 ? here : this.all).map(({ consumed }) => consumed));
  }

  /** How much a viewer may have read without having said so, in bytes: credit comes for each quarter of a window. */
  get untoldBytes(): number {
    return Math.max(0, ...this.all.map(({ outputWindow }) => outputWindow / 4));
  }

  get isInputEnded(): boolean {
    return this.all.every(({ isInputEnded }) => isInputEnded);
  }

  get(key: string): Seat | undefined {
    return this.#seats.get(key);
  }

  add(seat: Seat): void {
    this.#seats.set(seat.key, seat);
  }

  remove(seat: Seat): void {
    this.here(seat);
    this.#seats.delete(seat.key);
  }

  /** Whether there was one to remove. */
  removeLongestAway(): boolean {
    const [longest] = this.#away.keys();
    if (longest !== undefined) this.remove(longest);
    return longest !== undefined;
  }

  /** Its viewer came. */
  here(seat: Seat): void {
    clearTimeout(this.#away.get(seat));
    this.#away.delete(seat);
  }

  /** Its viewer left and may come back within `lingerMs`. */
  away(seat: Seat, lingerMs: number, onGivenUp: () => void): void {
    this.#away.set(seat, setTimeout(onGivenUp, lingerMs).unref());
    this.#lastLeftAt = performance.now();
  }

  clear(): void {
    for (const seat of this.all) this.remove(seat);
  }

  get #here(): readonly Seat[] {
    return this.all.filter(({ isHere }) => isHere);
  }
}
