import type { LinkStream } from '../session/link-stream.ts';

type Leaving = Pick<LinkStream, 'isLeaving'>;

/** Streams that are over, and whose data their viewers have not taken: until then it is kept here. */
export class LeavingStreams {
  readonly #users = new Map<Leaving, string>();

  add(user: string, stream: Leaving): void {
    if (stream.isLeaving) this.#users.set(stream, user);
  }

  /** Over all links of a user. */
  count(user: string): number {
    for (const stream of [...this.#users.keys()]) if (!stream.isLeaving) this.#users.delete(stream);
    return [...this.#users.values()].filter((name) => name === user).length;
  }
}
