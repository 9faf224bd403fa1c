import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { ExecRequest, HostSessions } from './host-sessions.ts';
import type { SuiteHost } from './suite-host.ts';
import { collect } from './suite-session-output.ts';

const megabyte = 1024 * 1024;

/** What goes wrong with commands, and what many or endless ones cost. */
export function troubleTests(host: SuiteHost, sessions: () => HostSessions): void {
  const exec = (what: string, command: readonly string[], wish: Partial<ExecRequest> = {}) =>
    sessions().exec(host.named(what), { env: [], hasInput: false, ...wish, command });

  test('a command that cannot begin is told in the words of the engine', async () => {
    await host.start('begin');
    const wrong: readonly [command: string, wish: Partial<ExecRequest>, words: RegExp][] = [
      ['/etc/hostname', {}, /permission denied/],
      ['/bin', {}, /permission denied/],
      ['', {}, /executable file not found/],
      ['true', { workdir: '/no/such' }, /no such file or directory/],
      ['true', { workdir: 'no' }, /absolute path/i],
    ];
    for (const [command, wish, words] of wrong) {
      for (const terminal of [undefined, { columns: 80, rows: 20 }]) {
        const program = await exec('begin', [command], { ...wish, terminal });
        const { output, error } = await collect(program.output);

        assert.match(output + error, words);
        const code = (await program.exit())?.code ?? 0;
        assert.ok(code >= 125 && code <= 127, `"${command}" ended with ${code}`);
        program.close();
      }
    }
  });

  test('a container that does not run takes no command and nobody who attaches, and says what to do', async () => {
    await host.create('created');
    await host.start('exited', { command: ['false'], restart: 'no' });
    await waitUntil('its end', async () => (await host.see('exited')).status === 'exited');
    const isTold = (error: unknown) => isAppError(error, 'task-conflict') && Boolean(error.next);

    for (const what of ['created', 'exited']) {
      await assert.rejects(exec(what, ['true']), isTold);
      await assert.rejects(sessions().attach(host.named(what), { hasInput: false }), isTold);
    }
  });

  test('a command whose container is removed ends as one that was killed', async () => {
    const id = await host.start('removed');
    const program = await exec('removed', ['sleep', '1000'], { hasInput: true });
    const attached = await sessions().attach(host.named('removed'), { hasInput: false });

    await host.engine.removeContainer(id);

    for (const one of [program, attached]) {
      await collect(one.output);
      assert.deepEqual(await one.exit().catch((error: unknown) => isAppError(error, 'not-found') && { code: 137 }), {
        code: 137,
      });
      await one.signal('SIGTERM').catch((error: unknown) => assert.ok(isAppError(error, 'not-found')));
      one.close();
    }
  });

  test('output that is endless costs no memory while nobody reads it', async () => {
    await host.start('endless');
    const program = await exec('endless', [
      'sh',
      '-c',
      'while :; do echo 0123456789012345678901234567890123456789; done',
    ]);
    const reader = program.output[Symbol.asyncIterator]();
    await reader.next();
    const before = process.memoryUsage();
    const startedAt = performance.now();

    await waitUntil('a while', () => performance.now() - startedAt > 1_500, { intervalMs: 100 });

    const { external, arrayBuffers } = process.memoryUsage();
    assert.ok(external - before.external < 8 * megabyte, `${external - before.external} bytes more`);
    assert.ok(arrayBuffers - before.arrayBuffers < 8 * megabyte, `${arrayBuffers - before.arrayBuffers} bytes more`);
    program.close();
    await sessions().close();
  });

  test('many commands at once use up nothing that others need', async () => {
    await host.start('crowd');
    const programs = await Promise.all(Array.from({ length: 60 }, () => exec('crowd', ['cat'], { hasInput: true })));

    assert.equal((await collect((await exec('crowd', ['echo', 'one more'])).output)).output, 'one more\n');
    await Promise.all(programs.map((program) => program.endInput()));

    for (const program of programs) {
      await collect(program.output);
      assert.deepEqual(await program.exit(), { code: 0 });
      program.close();
    }
  });
}
