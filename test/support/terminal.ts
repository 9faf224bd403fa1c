import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { signalGroup } from '../../src/base/process-sweep.ts';
import type { Project } from './project.ts';
import { patience } from './shell-project.ts';

export interface TestTerminal {
  type(keys: string): void;
  /** Waits until it shows this; fails with what it shows instead once the program has ended. */
  shows(text: string | RegExp): Promise<void>;
  /** The terminal goes away under its program, as when its window is closed. */
  hangUp(): void;
  readonly ended: Promise<{ readonly code: number | null; readonly shown: string }>;
}

/** A program on a terminal of its own, as `script` makes it. */
export function aTerminal(t: TestContext, { folder: cwd, env }: Project, program: string): TestTerminal {
  const child = spawn('script', ['-qec', program, '/dev/null'], { cwd, env, detached: true });
  const hangUp = () => void (child.pid !== undefined && signalGroup(child.pid, 'SIGKILL'));
  t.after(hangUp);
  let shown = '';
  let hasEnded = false;
  child.stdin.on('error', () => undefined); // It ended between a look and a key.
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const ended = once(child, 'close').then(([code]) => {
    hasEnded = true;
    return { code, shown };
  });
  const isShown = (text: string | RegExp) => (typeof text === 'string' ? shown.includes(text) : text.test(shown));
  return {
    type: (keys) => void child.stdin.write(keys),
    async shows(text) {
      const look = () => isShown(text) || hasEnded;
      const problem = await waitUntil(String(text), look, patience).catch((error: unknown) => error);
      assert.ok(isShown(text), `${problem} instead of ${text}: ${JSON.stringify(shown)}`);
    },
    hangUp,
    ended,
  };
}
