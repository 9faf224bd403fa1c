import type { RunId } from '../contracts/ids.ts';
import type { NewRun } from './board.ts';
import type { ExecutedAttempt } from './executor.ts';
import type { GivenAnswer } from './inquiry.ts';

/** What happens to the loop. Everything names things by id, so that an event can be applied again after a failed commit. */
export type LoopEvent =
  | { readonly kind: 'submitted'; readonly run: NewRun; readonly planText: string; readonly acknowledge: () => void }
  | { readonly kind: 'recovered'; readonly runId: RunId }
  | { readonly kind: 'opened'; readonly runId: RunId }
  | { readonly kind: 'held'; readonly runId: RunId; readonly reason: string }
  | {
      readonly kind: 'waiting';
      readonly runId: RunId;
      readonly index: number;
      readonly attempt: number;
      /** Undefined: it goes on. */
      readonly reason: string | undefined;
    }
  | {
      readonly kind: 'finished';
      readonly runId: RunId;
      readonly index: number;
      readonly attempt: number;
      readonly ended: ExecutedAttempt;
    }
  | {
      readonly kind: 'cancel';
      readonly runId: RunId;
      readonly itemId?: string;
      readonly actor: string;
      readonly acknowledge: () => void;
    }
  | {
      readonly kind: 'answer';
      readonly runId: RunId;
      readonly itemId: string;
      readonly given: GivenAnswer;
      readonly acknowledge: () => void;
    };
