import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { Close, RelayedOpen } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';

const answerMs = 15_000;

/** Takes the seat of a viewer who is away, to leave it for good. Raises `not-ready` where the host does not answer. */
export async function giveUpSeat(
  link: FrameLink,
  request: RelayedOpen,
  close: Close,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = link.open(request, {
    onFrame: () => {
      stream?.close(close);
      resolve();
    },
    // It was over before.
    onClose: ({ code }) => (code === 'host-away' ? reject(unanswered()) : resolve()),
  });
  if (stream === undefined) throw unanswered();
  const inTime = withDeadline(answerMs, signal);
  const late = () => reject(unanswered());
  inTime.addEventListener('abort', late, { once: true });
  try {
    await promise;
  } finally {
    inTime.removeEventListener('abort', late);
    stream.close(close);
  }
}

export function unanswered(): AppError {
  return new AppError('not-ready', 'Cannot end the session: its host cannot be told for now', {
    next: 'It ends by itself where nobody comes back to it.',
  });
}
