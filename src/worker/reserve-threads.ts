import { stat } from 'node:fs';

/**
 * Has Node make the threads that wait for files, all of them at once and without waiting for one. It makes them at their
 * first use and ends where it cannot: a subagent that had used up all processes by then would be the supervisor's end.
 */
export function reserveThreads(): void {
  stat('/', () => {});
}
