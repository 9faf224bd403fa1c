import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';

/** Lets so many milliseconds pass, for timers and for who looks at the clock, and then a few turns for what comes of it. */
export type PassTime = (ms: number) => Promise<void>;

/** For tests: from now on time passes only as they say. */
export function simulatedTime(t: TestContext): PassTime {
  let nowMs = performance.now();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => nowMs);
  // What `sleep` imported by its name stays the real one else.
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.reset();
    t.mock.timers.reset();
    syncBuiltinESMExports();
  });
  return async (ms) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
    for (let turns = 0; turns < 4; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  };
}

/** For tests: time passes as fast as there are turns, so that nobody spends it waiting for another try. */
export function hurriedTime(t: TestContext): void {
  const pass = simulatedTime(t);
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const goOn = async () => {
    while (!isOver) await pass(20);
  };
  void goOn(); // Raises nothing, and ends with the test.
}
