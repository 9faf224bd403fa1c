import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import type { SshLink } from './ssh-link.ts';

/** Lets an HTTP client reach an engine over a link, with few connections. */
export class LinkAgent extends Agent {
  readonly #link: SshLink;

  constructor(link: SshLink) {
    super({ keepAlive: true });
    this.#link = link;
  }

  override createConnection(_options: object, done?: (error: Error | null, socket: Duplex) => void): undefined {
    this.#link.connect().then(
      (socket) => done?.(null, socket),
      // Without a socket, which the types do not know.
      (error: Error) => (done as ((error: Error) => void) | undefined)?.(error),
    );
  }

  // Docker's client writes down everything that it was given, with each call: with 30 connections that took it 10 ms.
  [inspect.custom](): string {
    return LinkAgent.name;
  }
}
