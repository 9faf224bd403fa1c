import type { Close } from '../contracts/session-wire.ts';

/** Why a desk does not open, join or go on, in words for who asked. */
export const deskRefusals = {
  lost: (): Close => ({
    code: 'session-lost',
    message: 'the session is over: it ended, it waited too long for its viewer, or its agent was restarted',
    next: 'Open it anew.',
  }),
  another: (): Close => ({
    code: 'protocol',
    message: 'the seat is that of a session that was opened with other words',
  }),
  noSuch: (sessionId: string): Close => ({
    code: 'not-found',
    message: `Cannot join session "${sessionId}": you have none of that name here`,
    next: 'See what there is: agora host sessions.',
  }),
  notAllowed: (kind: string, role: string): Close => ({
    code: 'refused',
    message: `Cannot view this session: it is of kind "${kind}", which a ${role} may not use`,
    next: 'Ask an admin for the role of an operator.',
  }),
  noSeat: (sessionId: string, most: number): Close => ({
    code: 'limit-exceeded',
    message: `Cannot join session "${sessionId}": it has ${most} viewers, which is the most`,
    next: 'Let one of them leave.',
  }),
  tooMany: (whose: string, most: number): Close => ({
    code: 'limit-exceeded',
    message: `Cannot open one more session: ${whose} ${most} open, which is the most`,
    next: 'End one of them: agora host sessions.',
  }),
} as const;
