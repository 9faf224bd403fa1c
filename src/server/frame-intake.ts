import type { WebSocket } from 'ws';
import { frameTypes } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';

const tickMs = 100;
/** What one socket may have us do in a tick: some tens of milliseconds. A full frame of data counts as one, JSON by its size. */
const mostWork = 5_000;
const jsonBytesOfOne = 64;

/**
 * Gives the frames of a socket to its link. Where they come faster than anybody needs, the socket is not read for the rest of a tick: that
 * slows down its other side, which then joins what is small, and leaves time for everybody else.
 */
export function frameIntake(socket: Pick<WebSocket, 'pause' | 'resume'>, link: FrameLink): (frame: Uint8Array) => void {
  let [since, work] = [performance.now(), 0];
  return (frame) => {
    const now = performance.now();
    if (now - since > tickMs) [since, work] = [now, 0];
    work += frame[0] === frameTypes.data ? 1 : 1 + frame.length / jsonBytesOfOne;
    if (work > mostWork) {
      socket.pause();
      setTimeout(() => socket.resume(), since + tickMs - now).unref();
      // What was read already still comes.
      [since, work] = [now + tickMs, 0];
    }
    link.receive(frame);
  };
}
