import type { LinkStream } from '../session/link-stream.ts';

type Leaving = Pick<LinkStream, 'isLeaving'>;

/** Pages of a user, which ask through the web proxy, are counted apart. */
interface Whose {
  readonly user: string;
  readonly isPage: boolean;
}

/** Streams that are over, and whose data their viewers have not taken: until then it is kept here. */
export class LeavingStreams {
  readonly #streams = new Map<Leaving, Whose>();

  add({ user, isPage }: Whose, stream: Leaving): void {
    if (stream.isLeaving) this.#streams.set(stream, { user, isPage });
  }

  /** Over all links of a user. */
  count({ user, isPage }: Whose): number {
    for (const stream of [...this.#streams.keys()]) if (!stream.isLeaving) this.#streams.delete(stream);
    return [...this.#streams.values()].filter((whose) => whose.user === user && whose.isPage === isPage).length;
  }
}
