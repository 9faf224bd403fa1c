import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { EngineProgram, HostSessions } from './host-sessions.ts';
import type { SuiteHost } from './suite-host.ts';
import { follow } from './suite-session-output.ts';

const interactive = { hasInput: true, terminal: { columns: 100, rows: 30 } };

export interface AttachTestOptions {
  /** Whether an input without a terminal stays open when one who attached leaves: Podman ends it. Default: true. */
  readonly keepsInput?: boolean;
}

/** The main program of a container, by its input and on its terminal. */
export function attachTests(
  host: SuiteHost,
  sessions: () => HostSessions,
  { keepsInput = true }: AttachTestOptions,
): void {
  const attach = (what: string) => sessions().attach(host.named(what), interactive);

  test('a main program with an input and a terminal takes what is typed, and goes on when it is left', async () => {
    await host.start('typed', { command: ['sh'], stdin: true, tty: true });
    const program = await attach('typed');
    const screen = follow(program);
    assert.equal(program.isTerminal, true);

    // Podman gives the streams a moment before anything comes through them.
    await typeUntil(program, 'stty size; left=alone\n', () => screen().includes('\r\n30 100\r\n'));
    program.close();
    const again = await attach('typed');
    const seen = follow(again);

    await typeUntil(again, 'echo "I am $left"\n', () => seen().includes('\r\nI am alone\r\n'));
    await again.write(Buffer.from('exit 6\n'));
    await again.resize({ columns: 50, rows: 50 }).catch(() => undefined);
    // A line that was typed once more may be answered after it.
    await waitUntil('its end', () => seen().includes('exit 6\r\n'));
  });

  test('no key that is typed leaves a main program, and each one is there at once', async () => {
    const script = 'read go; stty raw -echo; echo ready; while :; do head -c 1 | od -An -tx1; done';
    await host.start('keys', { command: ['sh', '-c', script], stdin: true, tty: true });
    const program = await attach('keys');
    const screen = follow(program);
    await program.write(Buffer.from('go\n'));
    await waitUntil('its start', () => screen().includes('ready'));

    for (const byte of [0x10, 0x11, 0x00, 0x1e, 0xff, 0x10]) {
      const before = screen().length;
      await program.write(Buffer.from([byte]));
      await waitUntil(`key ${byte}`, () => screen().slice(before).includes(byte.toString(16).padStart(2, '0')));
    }
    program.close();
  });

  test('a main program with an input and no terminal keeps its channels, and its input when one of two ends theirs', async () => {
    await host.start('input', {
      command: ['sh', '-c', 'while read line; do echo "$line"; echo bad >&2; done'],
      stdin: true,
    });
    const first = await attach('input');
    await first.write(Buffer.from('one\n'));
    const said = follow(first);
    await waitUntil('its answer', () => said().includes('one\n') && said().includes('bad\n'));
    await first.endInput();
    const second = await attach('input');
    const seen = follow(second);
    if (keepsInput) first.close();
    await second.write(Buffer.from('two\n'));

    await waitUntil('its second answer', () => seen().includes('two\n'));
    assert.equal(second.isTerminal, false);
    second.close();
  });

  test('many are attached at once, and all hear the same', async () => {
    await host.start('many', { command: ['sh'], stdin: true, tty: true });
    const programs = await Promise.all(Array.from({ length: 12 }, () => attach('many')));
    const screens = programs.map(follow);

    await programs[0]?.write(Buffer.from('echo $((40 + 2))\n'));

    await waitUntil('all screens', () => screens.every((screen) => screen().includes('\r\n42\r\n')));
    for (const program of programs) program.close();
    assert.equal((await host.see('many')).status, 'running');
  });
}

/** Again and again: what is typed as one comes may be lost on its way, and so may its answer. */
async function typeUntil(program: EngineProgram, line: string, isAnswered: () => boolean): Promise<void> {
  await waitUntil(
    `the answer to "${line.trim()}"`,
    async () => {
      if (!isAnswered()) await program.write(Buffer.from(line));
      return isAnswered();
    },
    { intervalMs: 500, timeoutMs: 20_000 },
  );
}
