import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { workspaceSpecSchema } from '../contracts/host-spec.ts';
import { machineSeconds } from './container-process.ts';
import { connectDocker } from './docker-connection.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import { lookAtContainer } from './docker-session-container.ts';
import { SessionHelpers } from './docker-session-helpers.ts';
import { HelperSignals } from './docker-session-signals.ts';
import type { EngineEndpoint } from './endpoint.ts';
import type { HostSessions } from './host-sessions.ts';
import { sessionHelperName } from './session-helper.ts';
import { type HostEngineUnderTest, SuiteHost } from './suite-host.ts';
import { buildOwnImage } from './suite-own-image.ts';
import { collect, follow } from './suite-session-output.ts';

const signal = new AbortController().signal;
const dialAndWait = `
  const { dockerHostSessions } = await import('./docker-host-sessions.ts');
  const [endpoint, ownImage, container] = process.argv.slice(1);
  const sessions = dockerHostSessions({ endpoint: JSON.parse(endpoint) }, { ownImage });
  await sessions.dial(container, 8080, AbortSignal.timeout(30_000));
  setInterval(() => undefined, 1_000);
`;

export interface EngineOfHelpers extends HostEngineUnderTest {
  readonly endpoint: EngineEndpoint;
}

/** As an agent in a container has it: of the host it sees nothing but the engine. */
export function sessionHelpersSuite(name: string, open: () => Promise<EngineOfHelpers>, skip: string | false): void {
  describe(`sessions through containers of our own image: ${name}`, {
    skip,
    concurrency: false,
    timeout: 180_000,
  }, () => {
    const host = new SuiteHost();
    const image = host.named('own-image');
    let endpoint: EngineEndpoint;
    let sessions: HostSessions;
    before(async () => {
      await host.open(async () => {
        const place = await open();
        endpoint = place.endpoint;
        return place;
      });
      await buildOwnImage(host, image);
      sessions = dockerHostSessions({ endpoint }, { ownImage: image });
    });
    afterEach(async () => {
      await sessions.close();
      assert.deepEqual(await helpers(), []);
    });
    after(async () => {
      await host.sweep();
      await host.close();
    });
    const helpers = async () => {
      const owner = host.labels[hostLabels.host];
      const all = await host.engine.observeContainers();
      return all.filter(({ labels }) => labels[hostLabels.host] === owner && labels[hostLabels.kind] === 'helper');
    };
    const get = async (what: string) => {
      const stream = await sessions.dial(host.named(what), 8080, signal);
      stream.write('GET /busybox HTTP/1.0\r\n\r\n');
      return await text(stream);
    };

    test('a port is reached through one of them, which goes when it is used no more', async () => {
      await host.start('web', { command: ['httpd', '-f', '-p', '127.0.0.1:8080', '-h', '/bin'] });
      await waitUntil('the port', () => get('web').catch(() => undefined));

      const startedAt = performance.now();
      for (let times = 0; times < 10; times += 1) assert.match(await get('web'), /^HTTP\/1\.[01] 200 /);
      const eachMs = (performance.now() - startedAt) / 10;

      assert.equal((await helpers()).length, 1);
      assert.ok(eachMs < 300, `a request took ${eachMs} ms`);
      await assert.rejects(sessions.dial(host.named('web'), 81, signal), (error) => isAppError(error, 'unreachable'));
    });

    test('a container is removed while one of them leads into it', async () => {
      await host.start('removed', { command: ['httpd', '-f', '-p', '8080', '-h', '/bin'] });
      await waitUntil('the port', () => get('removed').catch(() => undefined));
      assert.equal((await helpers()).length, 1);

      await host.engine.removeContainer(host.named('removed'));

      const names = (await host.engine.observeContainers()).map(({ name }) => name);
      assert.ok(!names.includes(host.named('removed')));
    });

    test('one that an agent that was killed had only made goes with the next', async () => {
      await host.start('again', { command: ['httpd', '-f', '-p', '8080', '-h', '/bin'] });
      const spec = workspaceSpecSchema.parse({ image: host.tag });
      const labels = { ...host.labels, [hostLabels.kind]: 'helper', [hostLabels.name]: sessionHelperName };
      await host.engine.createWorkspace({ name: host.named('left'), spec, imageId: host.imageId, secrets: {}, labels });
      const another = dockerHostSessions({ endpoint }, { ownImage: image });

      await waitUntil('the port', () => another.dial(host.named('again'), 8080, signal).catch(() => undefined));

      assert.ok((await helpers()).every(({ name }) => name !== host.named('left')));
      await another.close();
    });

    test('one that runs although its agent is gone goes before the next, also before one that signals', async () => {
      await host.start('runs-on');
      const script = 'trap exit TERM; while :; do sleep 0.1; done';
      const labels = { ...host.labels, [hostLabels.kind]: 'helper', [hostLabels.name]: sessionHelperName };
      const spec = workspaceSpecSchema.parse({ image: host.tag, command: ['sh', '-c', script] });
      const name = host.named('left-running');
      await host.engine.createWorkspace({ name, spec, imageId: host.imageId, secrets: {}, labels });
      await host.engine.startContainer(name);
      const another = dockerHostSessions({ endpoint }, { ownImage: image });
      const program = await another.exec(host.named('runs-on'), { command: ['sleep', '99'], env: [], hasInput: false });

      await program.signal('SIGTERM');

      assert.equal((await program.exit())?.code, 143);
      assert.deepEqual(await helpers(), []);
      await another.close();
    });

    test('that the own image is gone is told to who needs one', async () => {
      await host.start('no-image');
      const another = dockerHostSessions({ endpoint }, { ownImage: host.named('no-such-image') });

      const isMissing = (error: unknown) => isAppError(error, 'image-missing');
      await assert.rejects(another.dial(host.named('no-image'), 8080, signal), isMissing);
      await another.close();
    });

    test('what is left and cannot be looked for is said, and fails nothing', async () => {
      const lines: string[] = [];
      const away = { kind: 'unix', path: '/none/socket', source: 'test' } as const;
      const connection = connectDocker({ endpoint: away });
      const log = (line: string) => lines.push(line);
      const own = new SessionHelpers({ connection, engine: host.engine, image, log });

      const said = await own.run(host.labels, {
        command: [process.execPath, '--print', '"done"'],
        binds: [],
        hostNamespaces: false,
      });

      assert.equal(Buffer.from(said).toString(), 'done\n');
      assert.match(lines.join(), /^Cannot list containers: .*\/none\/socket/);
    });

    test('a process that began after the engine told of one with its number is not signalled', async () => {
      const early = await machineSeconds();
      const connection = connectDocker({ endpoint });
      const container = await lookAtContainer(connection, await host.start('number'));
      const own = new SessionHelpers({ connection, engine: host.engine, image, log: () => {} });
      const signals = new HelperSignals(own);
      const order = { container, pid: container.pid, signal: 'SIGKILL' } as const;

      assert.equal(await signals.send({ ...order, toldAt: early }), 'not-seen');
      assert.equal((await host.see('number')).status, 'running');
      assert.equal(await signals.send({ ...order, toldAt: await machineSeconds() }), 'done');
    });

    test('many commands that are let go of at once are hung up by one at a time, together', async () => {
      await host.start('storm');
      const command = ['sleep', '321'];
      const opened = Array.from({ length: 12 }, () =>
        sessions.exec(host.named('storm'), { command, env: [], hasInput: false }),
      );
      const programs = await Promise.all(opened);
      const seen = new Set<string>();
      let [mostAtOnce, isOver] = [0, false];
      const look = async () => {
        // Podman says no more than that one is ending just now.
        const found = await helpers().catch(() => []);
        mostAtOnce = Math.max(mostAtOnce, found.length);
        for (const { id } of found) seen.add(id);
        return isOver;
      };
      const watching = waitUntil('all to be let go of', look, { timeoutMs: 30_000, intervalMs: 100 });

      for (const program of programs) program.close();
      await sessions.close();
      isOver = true;
      await watching;

      await waitUntil('their end', async () => {
        const script = 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "sleep 32[1]"';
        const request = { command: ['sh', '-c', script], env: [], hasInput: false };
        const looking = await sessions.exec(host.named('storm'), request);
        return (await collect(looking.output)).output === '0\n';
      });
      assert.equal(mostAtOnce, 1);
      assert.ok(seen.size <= programs.length / 2, `there were ${seen.size}`);
    });

    test('one whose agent is killed goes by itself', async () => {
      await host.start('killed', { command: ['httpd', '-f', '-p', '8080', '-h', '/bin'] });
      await waitUntil('the port', () => get('killed').catch(() => undefined));
      await sessions.close();
      const words = [JSON.stringify(endpoint), image, host.named('killed')];
      const agent = spawn(process.execPath, ['--input-type=module', '--eval', dialAndWait, ...words], {
        cwd: import.meta.dirname,
        stdio: 'ignore',
      });
      await waitUntil('its helper', async () => (await helpers()).some(({ status }) => status === 'running'));

      agent.kill('SIGKILL');

      await waitUntil('no helper', async () => (await helpers()).length === 0);
    });

    test('a command is signalled, and hung up', async () => {
      await host.start('signalled');
      const program = await sessions.exec(host.named('signalled'), {
        command: [
          'sh',
          '-c',
          'trap "echo hung; exit 4" HUP; trap "echo caught" USR1; echo ready; while :; do sleep 0.1; done',
        ],
        env: [],
        hasInput: false,
      });
      const said = follow(program);
      await waitUntil('its start', () => said() === 'ready\n');

      await program.signal('SIGUSR1');
      await waitUntil('its word', () => said().includes('caught\n'));
      await program.signal('SIGHUP');

      assert.equal((await program.exit())?.code, 4);
    });
  });
}
