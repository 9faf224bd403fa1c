import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { Close, CloseCode, RelayedOpen } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';

const answerMs = 15_000;

/** With which a host says that there is no such session any more. */
const over: readonly CloseCode[] = ['session-lost', 'not-found', 'done'];

/** `returned`: its viewer took it meanwhile. */
export type GivenUp = 'left' | 'over' | 'returned';

/** Takes the seat of a viewer who is away, to leave it for good. Raises `not-ready` where the session may go on. */
export async function giveUpSeat(
  link: FrameLink,
  request: RelayedOpen,
  close: Close,
  signal: AbortSignal,
): Promise<GivenUp> {
  const { promise, resolve, reject } = Promise.withResolvers<GivenUp>();
  const stream = link.open(request, {
    onFrame: () => {
      stream?.close(close);
      resolve('left');
    },
    onClose: ({ code }) => {
      if (over.includes(code)) resolve('over');
      else if (code === 'detached') resolve('returned');
      else reject(unanswered());
    },
  });
  if (stream === undefined) throw unanswered();
  const inTime = withDeadline(answerMs, signal);
  const late = () => reject(unanswered());
  inTime.addEventListener('abort', late, { once: true });
  try {
    return await promise;
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
