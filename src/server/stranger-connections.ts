import type { Socket } from 'node:net';
import { networkOf } from './address-limit.ts';

export interface StrangerConnectionsOptions {
  /** So many of one address at once: a fleet behind it comes back all at once. Default: 4096. */
  readonly most?: number | undefined;
  /** Told of an address that has more, and not again before it has none. */
  readonly onTooMany: (address: string) => void;
}

/** What names a connection, also where TLS is around it. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

interface Strangers {
  readonly sockets: Map<number, Socket>;
  isTold: boolean;
}

const defaultMost = 4_096;

/**
 * Connections on which nobody has proved who they are yet. Of an address that has too many the oldest is closed, not the newest: whoever
 * has something to prove does so at once, so that neither a fleet nor one host is kept out by a neighbour that holds connections open.
 */
export class StrangerConnections {
  readonly #options: StrangerConnectionsOptions;
  readonly #networks = new Map<string, Strangers>();

  constructor(options: StrangerConnectionsOptions) {
    this.#options = options;
  }

  add(socket: Socket): void {
    const { remoteAddress: address, remotePort: port } = socket;
    // It is gone already.
    if (address === undefined || port === undefined) return;
    const network = networkOf(address);
    const strangers = this.#networks.get(network) ?? { sockets: new Map(), isTold: false };
    this.#networks.set(network, strangers);
    strangers.sockets.set(port, socket);
    socket.once('close', () => {
      if (strangers.sockets.get(port) === socket) this.#forget(network, port);
    });
    if (strangers.sockets.size > (this.#options.most ?? defaultMost)) this.#closeOldest(network, strangers, address);
  }

  /** It is no stranger's any more. */
  proved({ remoteAddress: address, remotePort: port }: Ends): void {
    if (address !== undefined && port !== undefined) this.#forget(networkOf(address), port);
  }

  #closeOldest(network: string, strangers: Strangers, address: string): void {
    if (!strangers.isTold) this.#options.onTooMany(address);
    strangers.isTold = true;
    const [oldest] = strangers.sockets;
    if (oldest === undefined) return;
    const [port, socket] = oldest;
    this.#forget(network, port);
    socket.destroy();
  }

  #forget(network: string, port: number): void {
    const strangers = this.#networks.get(network);
    strangers?.sockets.delete(port);
    if (strangers?.sockets.size === 0) this.#networks.delete(network);
  }
}
