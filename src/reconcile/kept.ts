import type { ObservedContainer } from '../contracts/host-observation.ts';

/** What is left of a workspace's containers to look after once its exchange, if there is one, is decided. */
export interface Kept {
  readonly container: ObservedContainer | undefined;
  /** It proves itself: its exchange starts it and waits for it. */
  readonly isProving: boolean;
}
export const nothingKept: Kept = { container: undefined, isProving: false };
