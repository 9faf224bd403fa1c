import type { SessionSpec } from '../contracts/session-wire.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { comesBack } from './seat.ts';

/** What is being opened, and who waits for it: one that comes again with the same seat takes the place of the stream before. */
export interface Opening {
  readonly actor: string;
  /** To join is to view what was opened. */
  readonly spec: Exclude<SessionSpec, { kind: 'join' }>;
  readonly seat: string | undefined;
  readonly controller: AbortController;
  stream: LinkStream;
  window: number;
}

/** Of a stream whose session is being opened. */
export function waiting(opening: Opening): StreamHandler {
  const { stream } = opening;
  return {
    onFrame: () => stream.fail('protocol', 'it is not accepted yet'),
    onClose: ({ code }) => {
      // With its seat it comes again; the session waits for it.
      const waits = opening.seat !== undefined && comesBack.includes(code);
      if (opening.stream === stream && !waits) opening.controller.abort();
    },
  };
}
