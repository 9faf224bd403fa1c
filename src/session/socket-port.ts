import type { WebSocket } from 'ws';
import type { FramePort } from './frame-link.ts';

/** Frames over a WebSocket. A failure to send is the end of the socket, which is told by its close. */
export function socketPort(socket: Pick<WebSocket, 'send' | 'close'>): FramePort {
  return {
    send: (message, onSent) => socket.send(message, { binary: true }, onSent),
    end: (code, reason) => socket.close(code, reason),
  };
}
