import type { FramePort } from './frame-link.ts';

/** Two ends of a link in one process. What is sent lies there until `carry` takes it over. */
export interface PortEnd {
  readonly port: FramePort;
  readonly sent: Uint8Array[];
  /** Code and reason with which it was ended. */
  readonly ends: { readonly code: number; readonly reason: string }[];
  /** Hands the oldest `most` messages over and says so; all of them by default. */
  carry(receive: (message: Uint8Array) => void, most?: number): void;
}

/** For tests. */
export function portEnd(): PortEnd {
  const sent: Uint8Array[] = [];
  const waiting: (() => void)[] = [];
  const ends: PortEnd['ends'] = [];
  return {
    port: {
      send: (message, onSent) => {
        sent.push(message);
        waiting.push(onSent);
      },
      end: (code, reason) => void ends.push({ code, reason }),
    },
    sent,
    ends,
    carry: (receive, most = Number.POSITIVE_INFINITY) => {
      for (let count = 0; count < most; count += 1) {
        const message = sent.shift();
        if (message === undefined) return;
        waiting.shift()?.();
        receive(message);
      }
    },
  };
}
