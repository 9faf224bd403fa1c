import type { WebSocket } from 'ws';

export interface PingOptions {
  /** Between two pings. */
  readonly everyMs: number;
  /** Told that a ping was not answered until the next was due. */
  readonly onSilent: () => void;
}

/** Pings a socket until it closes. Each from when it came: to ping all at once would hold up whoever asks something meanwhile. */
export function keepPinged(socket: WebSocket, { everyMs, onSilent }: PingOptions): { answered(): void } {
  let isAlive = true;
  const pinging = setInterval(() => {
    if (socket.readyState !== socket.OPEN) return;
    if (isAlive) {
      isAlive = false;
      socket.ping();
    } else onSilent();
  }, everyMs).unref();
  socket.on('close', () => clearInterval(pinging));
  return {
    answered: () => {
      isAlive = true;
    },
  };
}
