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

interface Place {
  readonly network: string;
  /** Address and port: each address of a network has ports of its own. */
  readonly name: string;
}

interface Strangers {
  /** By name. */
  readonly sockets: Map<string, Socket>;
  isTold: boolean;
}

const defaultMost = 4_096;

/**
 * Connections on which no user and no admitted host has proved who they are yet. Of an address that has too many the oldest is closed, not the newest: whoever
 * has something to prove does so at once, so that neither a fleet nor one host is kept out by a neighbour that holds connections open.
 */
export class StrangerConnections {
  readonly #options: StrangerConnectionsOptions;
  readonly #networks = new Map<string, Strangers>();

  constructor(options: StrangerConnectionsOptions) {
    this.#options = options;
  }

  add(socket: Socket): void {
    const place = placeOf(socket);
    // It is gone already.
    if (place === undefined) return;
    const { address, network, name } = place;
    const strangers = this.#networks.get(network) ?? { sockets: new Map(), isTold: false };
    this.#networks.set(network, strangers);
    strangers.sockets.set(name, socket);
    socket.once('close', () => {
      if (strangers.sockets.get(name) === socket) this.#forget(place);
    });
    if (strangers.sockets.size <= (this.#options.most ?? defaultMost)) return;
    if (!strangers.isTold) this.#options.onTooMany(address);
    strangers.isTold = true;
    this.#closeOldest(network, strangers);
  }

  /** It is no stranger's any more. */
  proved(ends: Ends): void {
    const place = placeOf(ends);
    if (place !== undefined) this.#forget(place);
  }

  #closeOldest(network: string, { sockets }: Strangers): void {
    const [oldest] = sockets;
    if (oldest === undefined) return;
    const [name, socket] = oldest;
    this.#forget({ network, name });
    socket.destroy();
  }

  #forget({ network, name }: Place): void {
    const strangers = this.#networks.get(network);
    strangers?.sockets.delete(name);
    if (strangers?.sockets.size === 0) this.#networks.delete(network);
  }
}

function placeOf({ remoteAddress: address, remotePort: port }: Ends) {
  if (address === undefined || port === undefined) return undefined;
  return { address, network: networkOf(address), name: `${address} ${port}` };
}
