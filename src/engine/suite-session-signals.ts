import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { ExecRequest, HostSessions } from './host-sessions.ts';
import type { SuiteHost } from './suite-host.ts';
import { collect, follow } from './suite-session-output.ts';

const terminal = { columns: 100, rows: 30 };

/** What reaches a program besides its input, and what becomes of it when it is let go of. */
export function signalTests(host: SuiteHost, sessions: () => HostSessions): void {
  const exec = (what: string, command: readonly string[], wish: Partial<ExecRequest> = {}) =>
    sessions().exec(host.named(what), { env: [], hasInput: false, ...wish, command });
  const shell = (what: string, script: string, wish: Partial<ExecRequest> = {}) =>
    exec(what, ['sh', '-c', script], wish);
  /** How many programs of the container have this word in their command line. */
  const count = async (what: string, word: string) => {
    const script = `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done | grep -c '[${word[0]}]${word.slice(1)}'`;
    return Number((await collect((await shell(what, script)).output)).output);
  };

  test('a signal reaches a command, and whoever it started', async () => {
    await host.start('signal-group');
    const program = await shell('signal-group', 'trap "echo caught; exit 5" USR1; echo ready; sleep 777 & wait');
    const said = follow(program);
    await waitUntil('the trap', () => said() === 'ready\n');

    await program.signal('SIGUSR1');

    assert.equal((await program.exit())?.code, 5);
    assert.equal(said(), 'ready\ncaught\n');
    await waitUntil('the end of its child', async () => (await count('signal-group', 'sleep 777')) === 0);
    await program.signal('SIGTERM');
  });

  test('a signal that is none is refused, to a command and to a container', async () => {
    await host.start('signal-none');
    const program = await exec('signal-none', ['sleep', '100']);

    for (const target of [program, await sessions().attach(host.named('signal-none'), { hasInput: false })]) {
      await assert.rejects(target.signal('SIGNOT'), (error) => isAppError(error, 'invalid-input') && !!error.next);
      target.close();
    }
  });

  test('a signal reaches the container that it was opened to, although another has its name by now', async () => {
    const script = 'trap "echo caught; exit 4" USR1; while :; do echo tick; sleep 0.1; done';
    await host.start('name', { command: ['sh', '-c', script], restart: 'no' });
    const program = await shell('name', script);
    const attached = await sessions().attach(host.named('name'), { hasInput: false });
    const [said, heard] = [follow(program), follow(attached)];
    await waitUntil('both traps', () => said().includes('tick') && heard().includes('tick'));
    await host.engine.renameContainer(host.named('name'), host.named('old-name'));
    await host.start('name');

    await program.signal('SIGUSR1');
    assert.equal((await program.exit())?.code, 4);
    await attached.signal('SIGUSR1');

    await waitUntil('its end', async () => (await host.see('old-name')).status === 'exited');
    assert.equal((await host.see('name')).status, 'running');
    attached.close();
  });

  test('a command that is let go of is hung up, with all it started; on a terminal and without', async () => {
    await host.start('hang-up');
    const script = 'sleep 888 & echo ready; sleep 999';
    for (const wish of [{}, { hasInput: true }, { hasInput: true, terminal }]) {
      const program = await shell('hang-up', script, wish);
      const said = follow(program);
      await waitUntil('its start', () => said().startsWith('ready'));

      program.close();
      await sessions().close();

      await waitUntil('its end', async () => (await count('hang-up', 'sleep [89]')) === 0);
    }
  });

  test('a command that is let go of as it begins is hung up as well', async () => {
    await host.start('at-once');
    for (let times = 0; times < 5; times += 1) (await exec('at-once', ['sleep', '444'])).close();

    await sessions().close();

    await waitUntil('their end', async () => (await count('at-once', 'sleep 444')) === 0);
  });

  test('a command that ignores the hang-up goes on', async () => {
    await host.start('no-hang-up');
    const program = await shell('no-hang-up', 'trap "" HUP; echo ready; sleep 555', { hasInput: true, terminal });
    const said = follow(program);
    await waitUntil('its start', () => said().startsWith('ready'));

    program.close();
    await sessions().close();

    assert.ok((await count('no-hang-up', 'sleep 555')) > 0);
  });

  test('a command that closes its output and goes on is waited for', async () => {
    await host.start('silent');
    const program = await shell('silent', 'exec >/dev/null 2>&1; sleep 1; exit 9');

    assert.deepEqual(await collect(program.output), { output: '', error: '' });
    assert.deepEqual(await program.exit(), { code: 9 });
  });
}
