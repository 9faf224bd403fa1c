import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { pack } from 'tar-stream';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { ByteStream } from './engine.ts';
import type { EngineProgram, ExecRequest, HostSessions } from './host-sessions.ts';
import { LogPosition } from './log-position.ts';
import { type HostEngineUnderTest, SuiteHost } from './suite-host.ts';
import { type AttachTestOptions, attachTests } from './suite-session-attach.ts';
import { dialTests } from './suite-session-dial.ts';
import { collect, follow } from './suite-session-output.ts';
import { signalTests } from './suite-session-signals.ts';
import { troubleTests } from './suite-session-troubles.ts';

export interface HostSessionsUnderTest extends HostEngineUnderTest {
  readonly sessions: HostSessions;
}

export interface HostSessionsSuiteOptions extends AttachTestOptions {
  /** Why the engine cannot be tested here. Default: it can. */
  readonly skip?: string | false;
}

const plain: Omit<ExecRequest, 'command'> = { env: [], hasInput: false };
const terminal = { columns: 100, rows: 30 };

/** What every `HostSessions` does, tried with real containers. */
export function hostSessionsSuite(
  name: string,
  open: () => Promise<HostSessionsUnderTest>,
  { skip = false, ...options }: HostSessionsSuiteOptions = {},
): void {
  describe(`host sessions: ${name}`, { skip, concurrency: false, timeout: 120_000 }, () => {
    const host = new SuiteHost();
    let sessions: HostSessions;
    before(() =>
      host.open(async () => {
        const place = await open();
        sessions = place.sessions;
        return place;
      }),
    );
    afterEach(() => host.sweep());
    after(() => host.close());
    const exec = (what: string, command: readonly string[], wish: Partial<ExecRequest> = {}) =>
      sessions.exec(host.named(what), { ...plain, command, ...wish });

    const log = (what: string, wish: object = {}) => {
      const request = { follow: false, timestamps: false, signal: AbortSignal.timeout(60_000), ...wish };
      return collect(sessions.readLog(host.named(what), request));
    };

    test('a command has its channels, environment, user, folder and exit code', async () => {
      await host.start('exec');
      const script = 'echo "$A $(id -u) $(pwd)"; echo bad >&2; exit 7';

      const program = await exec('exec', ['sh', '-c', script], { env: ['A=b c'], user: '1234', workdir: '/bin' });

      assert.deepEqual(await readAll(program), { output: 'b c 1234 /bin\n', error: 'bad\n' });
      assert.deepEqual(await program.exit(), { code: 7 });
    });

    test('input goes in to its end, and comes back whole', async () => {
      await host.start('cat');
      const program = await exec('cat', ['cat'], { hasInput: true });
      const input = Buffer.alloc(3_000_000, 'abcdefg');
      const reading = readAll(program);

      await program.write(input);
      await program.endInput();

      assert.equal((await reading).output, input.toString());
      assert.deepEqual(await program.exit(), { code: 0 });
      await program.write(Buffer.from('too late'));
    });

    test('a terminal has its size, which changes, and takes what is typed', async () => {
      await host.start('terminal');
      const script = 'trap "echo caught; exit 5" INT; while :; do stty size; sleep 0.1; done';
      const program = await exec('terminal', ['sh', '-c', script], { hasInput: true, terminal });
      const screen = follow(program);
      await waitUntil('the first size', () => screen().includes('30 100\r\n'));

      await program.resize({ columns: 60, rows: 20 });
      await waitUntil('the new size', () => screen().includes('20 60\r\n'));
      await program.write(Buffer.from('\x03'));

      await waitUntil('its last word', () => screen().endsWith('caught\r\n'));
      await waitUntil('its end', async () => (await program.exit().catch(() => undefined))?.code === 5);
    });

    test('keys that the engine would leave by go through', async () => {
      await host.start('keys');
      const program = await exec('keys', ['sh', '-c', 'stty raw -echo; echo ready; head -c 2 | od -An -tx1'], {
        hasInput: true,
        terminal,
      });
      const screen = follow(program);
      await waitUntil('the raw terminal', () => screen().includes('ready'));

      await program.write(Buffer.from('\x10\x11'));

      await waitUntil('the keys', () => /10 +11/.test(screen()));
      assert.equal((await program.exit())?.code, 0);
    });

    test('what is attached to is the container itself, until it ends', async () => {
      const script = 'until [ -e /go ]; do echo waits; sleep 0.05; done; echo went; echo bad >&2; exit 3';
      await host.start('attach', { command: ['sh', '-c', script], restart: 'no' });
      const program = await sessions.attach(host.named('attach'), plain);
      const said = { output: '', error: '' };
      const reading = (async () => {
        for await (const { channel, bytes } of program.output) said[channel] += Buffer.from(bytes);
      })();
      // Podman gives the streams a moment before anything comes through them.
      await waitUntil('a word of it', () => said.output.includes('waits\n'));

      assert.deepEqual(await (await exec('attach', ['sh', '-c', '>/go'])).exit(), { code: 0 });

      await reading;
      assert.match(said.output, /^(waits\n)+went\n$/);
      assert.equal(said.error, 'bad\n');
      assert.deepEqual(await program.exit(), { code: 3 });
      await assert.rejects(sessions.attach(host.named('attach'), plain), hasCode('task-conflict'));
    });

    test('a container that is let go of goes on; a signal reaches it', async () => {
      const script = 'trap "echo caught; exit 4" USR1; while :; do echo tick; sleep 0.1; done';
      await host.start('signal', { command: ['sh', '-c', script], restart: 'no' });
      const program = await sessions.attach(host.named('signal'), plain);
      program.close();

      const again = await sessions.attach(host.named('signal'), plain);
      const said = follow(again);
      await waitUntil('a word of it', () => said().includes('tick'));
      await again.signal('SIGUSR1');

      await waitUntil('its last word', () => said().endsWith('caught\n'));
      await waitUntil('its end', async () => (await again.exit())?.code === 4);
    });

    test('a log is read from where it is asked, with its channels and times', async () => {
      const script = 'echo bad >&2; sleep 0.1; for n in 1 2 3; do echo "line $n"; done; sleep 1000';
      await host.start('log', { command: ['sh', '-c', script] });
      await waitUntil('all lines', async () => (await log('log')).output.endsWith('3\n'));

      assert.deepEqual(await log('log'), { output: 'line 1\nline 2\nline 3\n', error: 'bad\n' });
      assert.deepEqual(await log('log', { tail: 2 }), { output: 'line 2\nline 3\n', error: '' });
      const [time = ''] = /^\S+/.exec((await log('log', { timestamps: true })).output) ?? [];
      assert.ok(Math.abs(Date.now() - Date.parse(time)) < 600_000, time);
      assert.deepEqual(await log('log', { since: new Date(Date.parse(time) + 60_000).toISOString() }), {
        output: '',
        error: '',
      });
    });

    test('a log is followed until its signal', async () => {
      const script = 'n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.1; done';
      await host.start('follow', { command: ['sh', '-c', script] });
      const enough = new AbortController();
      let text = '';
      const reading = (async () => {
        const request = { follow: true, timestamps: false, signal: enough.signal };
        for await (const { bytes } of sessions.readLog(host.named('follow'), request)) text += Buffer.from(bytes);
      })();

      await waitUntil('three lines', () => text.includes('line 3\n'));
      enough.abort();

      await assert.rejects(reading, { name: 'AbortError' });
    });

    test('a log of a terminal is followed as it was written, whatever its pieces, and goes on where it broke off', async () => {
      const script =
        'stty -onlcr; for n in 1 2 3; do printf "piece $n, "; sleep 0.1; done; echo 2026-01-01T00:00:00Z word; head -c 40000 /dev/zero | tr "\\0" x; echo; read more; echo end; sleep 1000';
      await host.start('pieces', { command: ['sh', '-c', script], tty: true, stdin: true });
      const whole = `piece 1, piece 2, piece 3, 2026-01-01T00:00:00Z word\n${'x'.repeat(40_000)}\n`;
      const position = new LogPosition();
      let text = '';
      const follow = async (end: string) => {
        const enough = new AbortController();
        const reading = (async () => {
          const request = { follow: true, timestamps: false, position, signal: enough.signal };
          for await (const { bytes } of sessions.readLog(host.named('pieces'), request)) text += Buffer.from(bytes);
        })().catch(() => undefined);
        await waitUntil('what it says', () => text.endsWith(end));
        enough.abort();
        await reading;
      };

      await follow('x\n');
      assert.equal(text, whole);
      const program = await sessions.attach(host.named('pieces'), { hasInput: true });
      await program.write(Buffer.from('\n'));
      await follow('end\n');
      program.close();

      assert.equal(text.replace(/\r?\nend\n$/, '\nend\n'), `${whole}\nend\n`);
    });

    test('files go in and out as they are', async () => {
      await host.start('files');
      const { signal } = new AbortController();
      const tar = pack();
      tar.entry({ name: 'folder/hello.txt', mode: 0o640 }, 'hello');
      tar.finalize();

      await sessions.writeFiles(host.named('files'), '/', Readable.from(tar) as ByteStream, signal);
      const program = await exec('files', ['sh', '-c', 'cat /folder/hello.txt; stat -c %a /folder/hello.txt']);
      const back = await buffer(sessions.readFiles(host.named('files'), '/folder', signal));

      assert.equal((await readAll(program)).output, 'hello640\n');
      assert.ok(back.includes('folder/hello.txt') && back.includes('hello'));
      const missing = sessions.readFiles(host.named('files'), '/no/such', signal);
      await assert.rejects(buffer(missing), hasCode('not-found'));
    });

    test('what is not there is told: the container, the program, the user', async () => {
      await host.start('wrong');

      await assert.rejects(sessions.exec('agora-no-such', { ...plain, command: ['ls'] }), hasCode('not-found'));
      await assertDoesNotBegin(await exec('wrong', ['no-such-program']), /no-such-program/);
      await exec('wrong', ['true'], { user: 'nobody-here' }).then(
        (program) => assertDoesNotBegin(program, /nobody-here/),
        (error: unknown) => assert.ok(isAppError(error, 'invalid-input') && /nobody-here/.test(error.message)),
      );
    });

    attachTests(host, () => sessions, options);
    signalTests(host, () => sessions);
    dialTests(host, () => sessions);
    troubleTests(host, () => sessions);
  });
}

/** What the engine says of it is all of its output. */
async function assertDoesNotBegin(program: EngineProgram, words: RegExp): Promise<void> {
  const { output, error } = await readAll(program);
  assert.match(output + error, words);
  const code = (await program.exit())?.code;
  assert.ok(code === 126 || code === 127, `it ended with ${code}`);
}

async function readAll(program: EngineProgram): Promise<{ output: string; error: string }> {
  return await collect(program.output);
}

function hasCode(code: Parameters<typeof isAppError>[1]) {
  return (error: unknown) => isAppError(error, code);
}
