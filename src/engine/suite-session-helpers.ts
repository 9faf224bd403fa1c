import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { programContext } from '../../test/support/busybox-image.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { workspaceSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import type { EngineEndpoint } from './endpoint.ts';
import type { HostSessions } from './host-sessions.ts';
import { sessionHelperName } from './session-helper.ts';
import { type HostEngineUnderTest, SuiteHost } from './suite-host.ts';
import { follow } from './suite-session-output.ts';

const signal = new AbortController().signal;
/** What the programs in a helper consist of. */
const sources = [
  'engine/port-relay-main.ts',
  'engine/port-relay.ts',
  'engine/signal-main.ts',
  'engine/signal-name.ts',
  'engine/container-process.ts',
  'base/deadline.ts',
  'contracts/errors.ts',
];

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

/** Node of this machine, and the programs at the places they have here. */
async function buildOwnImage(host: SuiteHost, tag: string): Promise<void> {
  const folder = dirname(import.meta.dirname);
  const texts = await Promise.all(sources.map((path) => readFile(join(folder, path), 'utf8')));
  const files = Object.fromEntries(sources.map((path, index) => [`root${folder}/${path}`, texts[index] ?? '']));
  files[`root${folder}/package.json`] = '{"type":"module"}';
  await host.engine.build(await programContext(process.execPath, 'FROM scratch\nCOPY root /\n', files), {
    tag,
    dockerfile: 'Dockerfile',
    args: {},
    labels: {},
    target: undefined,
    useCache: true,
    pullBase: false,
  });
}
