import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { networkSpecSchema, volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import type { EngineEvent, HostEngine } from './host-engine.ts';

export interface HostEngineUnderTest {
  readonly engine: HostEngine;
  close(): Promise<void>;
}

export interface HostEngineSuiteOptions {
  /** Why the engine cannot be tested here. Default: it can. */
  readonly skip?: string | false;
  /** Whether it runs health checks itself: Podman leaves that to systemd. Default: true. */
  readonly hasHealthChecks?: boolean;
  /** Whether it refuses to mount a folder of the host that is not there: Podman makes it. Default: true. */
  readonly refusesMissingFolders?: boolean;
}

/** What every `HostEngine` does, tried with real containers. */
export function hostEngineSuite(
  name: string,
  open: () => Promise<HostEngineUnderTest>,
  { skip = false, hasHealthChecks = true, refusesMissingFolders = true }: HostEngineSuiteOptions = {},
): void {
  describe(`host engine: ${name}`, { skip, concurrency: false }, () => {
    const mark = randomUUID().slice(0, 8);
    const labels = { [hostLabels.host]: `host-${mark}`, [hostLabels.kind]: 'workspace' };
    const tag = `agora-suite-${mark}:latest`;
    let place: HostEngineUnderTest;
    let engine: HostEngine;
    let imageId: string;

    const named = (what: string) => `agora-suite-${mark}-${what}`;
    const build = async (
      to: string,
      dockerfile = '',
      wish: { args?: Record<string, string>; target?: string } = {},
    ) => {
      const lines: string[] = [];
      const id = await engine.build(await busyboxContext(dockerfile), {
        tag: to,
        dockerfile: 'Dockerfile',
        args: wish.args ?? {},
        labels: { 'suite.label': 'kept' },
        target: wish.target,
        useCache: true,
        pullBase: false,
        onProgress: (line) => lines.push(line),
      });
      return { id, lines };
    };
    const create = (what: string, wish: object = {}, secrets: Record<string, string> = {}) => {
      const spec = workspaceSpecSchema.parse({ image: tag, command: ['sleep', '1000'], stopGrace: 0, ...wish });
      return engine.createWorkspace({ name: named(what), spec, imageId, secrets, labels });
    };
    const start = async (what: string, wish: object = {}, secrets: Record<string, string> = {}) => {
      const id = await create(what, wish, secrets);
      await engine.startContainer(id);
      return id;
    };
    const see = async (what: string): Promise<ObservedContainer> => {
      const found = (await engine.observeContainers()).find((container) => container.name === named(what));
      assert.ok(found, `no container "${named(what)}"`);
      return found;
    };
    const network = (what: string, wish: object = {}) => {
      return engine.createNetwork(named(what), networkSpecSchema.parse(wish), { labels });
    };
    /** What a shell in a container of this spec prints to a file that the test then reads through a helper. */
    const report = async (what: string, script: string, wish: object = {}, secrets = {}) => {
      const volume = named(`${what}-volume`);
      await engine.createVolume(volume, volumeSpecSchema.parse({}), { labels });
      const mounts = [{ type: 'volume', volume, target: '/report' }];
      await start(
        what,
        { command: ['sh', '-c', `{ ${script}; } >/report/text 2>&1`], restart: 'no', mounts, ...wish },
        secrets,
      );
      await waitUntil('the report', async () => (await see(what)).status === 'exited');
      await engine.removeContainer(named(what));
      const read = { image: imageId, command: ['cat', '/volume/text'], labels, hostNamespaces: false };
      return Buffer.from(await engine.runHelper({ ...read, binds: [`${volume}:/volume:ro`] })).toString();
    };

    const sweep = async () => {
      const isOurs = (one: { readonly name: string }) => one.name.startsWith(`agora-suite-${mark}`);
      for (const { id } of (await engine.observeContainers()).filter(isOurs)) await engine.removeContainer(id);
      for (const { id } of (await engine.observeNetworks()).filter(isOurs)) await engine.removeNetwork(id);
      for (const { name } of (await engine.observeVolumes()).filter(isOurs)) await engine.removeVolume(name);
      const tags = (await engine.observeImages()).flatMap((image) => image.tags);
      for (const one of tags.filter((name) => isOurs({ name }) && name !== tag)) await engine.removeImage(one);
    };

    before(async () => {
      place = await open();
      engine = place.engine;
      imageId = (await build(tag)).id;
    });
    afterEach(sweep);
    after(async () => {
      await engine?.removeImage(tag);
      await place?.close();
    });

    test('it tells what it is and what it runs on', async () => {
      const host = await engine.describeHost();
      const again = await engine.describeHost();

      assert.equal(host.operatingSystem, 'linux');
      assert.equal(host.architecture, process.arch);
      assert.ok(host.cpus > 0 && host.memoryBytes > 0);
      assert.match(host.rootFolder, /^\//);
      assert.ok(host.hostName !== '' && host.kernel !== '' && host.distribution !== '' && host.runtimes.length > 0);
      assert.equal(host.id, again.id);
    });

    test('a workspace is created, started, stopped and removed, each twice without harm', async () => {
      const id = await create('life');

      assert.equal((await see('life')).status, 'created');
      await engine.startContainer(id);
      await engine.startContainer(id);
      const running = await see('life');
      assert.deepEqual(
        { ...running, startedAt: undefined, finishedAt: undefined, labels: undefined, networks: undefined },
        {
          id,
          name: named('life'),
          imageId,
          labels: undefined,
          status: 'running',
          health: 'none',
          exitCode: 0,
          isOutOfMemory: false,
          error: '',
          restartCount: 0,
          startedAt: undefined,
          finishedAt: undefined,
          networks: undefined,
        },
      );
      assert.equal(running.labels[hostLabels.host], labels[hostLabels.host]);
      assert.ok(Math.abs(Date.parse(running.startedAt ?? '') - Date.now()) < 60_000);
      await engine.stopContainer(id, 0);
      await engine.stopContainer(id, 0);
      const stopped = await see('life');
      assert.deepEqual([stopped.status, stopped.exitCode], ['exited', 137]);
      assert.ok(stopped.finishedAt !== undefined);
      await engine.removeContainer(id);
      await engine.removeContainer(id);
      assert.equal(
        (await engine.observeContainers()).some((one) => one.id === id),
        false,
      );
    });

    test('a name that is taken is a conflict; a renamed container has the other name', async () => {
      await create('first');

      await assert.rejects(create('first'), (error) => isAppError(error, 'task-conflict'));
      await engine.renameContainer(named('first'), named('renamed'));

      assert.equal((await see('renamed')).status, 'created');
    });

    test('environment, secrets, working directory and limits reach the process', async () => {
      const text = await report(
        'process',
        'echo "$PLAIN|$HIDDEN|$(pwd)"; df -k /dev/shm | cat; id -g; touch=$(echo x 2>/dev/null >/file || echo readonly); echo $touch; [ -e /dev/second ] && echo device; cat /proc/self/cgroup; echo $(cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null)',
        {
          env: { PLAIN: 'a=b c' },
          workingDirectory: '/bin',
          shm: '8m',
          user: '0:7',
          readOnlyRoot: true,
          memory: '64m',
          cpus: 0.5,
          pids: 33,
          devices: ['/dev/null:/dev/second'],
        },
        { HIDDEN: 'se"cret\nline' },
      );

      assert.match(text, /^a=b c\|se"cret\nline\|\/bin\n[\s\S]*^7$/m);
      assert.match(text, /8192/);
      assert.match(text, /67108864/);
      assert.match(text, /50000/);
      assert.match(text, /\b33\b/);
      assert.match(text, /^device$/m);
    });

    test('mounts are volumes, folders of the host and memory, read-only where declared', async () => {
      const script =
        'cat /host/hostname >/dev/null && echo bind; echo x >/host/agora 2>/dev/null || echo kept; df -k /memory | cat';
      const volume = named('mounts-volume');
      const mounts = [
        { type: 'volume', volume, target: '/report' },
        { type: 'bind', source: '/etc', target: '/host', readOnly: true },
        { type: 'tmpfs', target: '/memory', size: '4m' },
      ];

      const text = await report('mounts', script, { mounts });

      assert.match(text, /^bind\n[\s\S]*^kept\n[\s\S]* 4096 /m);
    });

    test('a folder of the host that is not there is refused in the words of the engine', {
      skip: !refusesMissingFolders,
    }, async () => {
      const mounts = [{ type: 'bind', source: '/no/such/folder', target: '/x' }];
      const made = create('folder', { mounts }).then((id) => engine.startContainer(id));

      await assert.rejects(
        made,
        (error) => isAppError(error, 'invalid-input') && /no\/such\/folder/.test(error.message),
      );
    });

    test('a device that is not there, or a command, is refused in the words of the engine', async () => {
      const refused = (wish: object, what: string) =>
        assert.rejects(
          create(what, wish).then((id) => engine.startContainer(id)),
          (error) => isAppError(error, 'invalid-input') && /no-such/.test(error.message),
        );

      await refused({ devices: ['/dev/no-such'] }, 'device');
      await refused({ command: ['no-such'] }, 'command');
    });

    test('an image that is not there is missing', async () => {
      const spec = workspaceSpecSchema.parse({ image: 'x' });
      const absent = `sha256:${'0'.repeat(64)}`;

      await assert.rejects(
        engine.createWorkspace({ name: named('absent'), spec, imageId: absent, secrets: {}, labels }),
        (error) => isAppError(error, 'image-missing'),
      );
    });

    test('a port of the host that is taken is refused in the words of the engine, and shown no longer once it is free', async () => {
      const port = 20_000 + Math.floor(Math.random() * 10_000);
      const ports = [{ container: 80, host: port, address: '127.0.0.1' }];
      const first = await start('port', { ports });
      const second = await create('port-too', { ports });

      await assert.rejects(engine.startContainer(second), (error) => {
        return isAppError(error, 'invalid-input') && error.message.includes(String(port)) && error.next !== undefined;
      });
      await engine.removeContainer(first);
      await engine.startContainer(second);

      const seen = await see('port-too');
      assert.deepEqual([seen.status, seen.error], ['running', '']);
    });

    test('a process that ends is started again by the engine under its policy, and counted', async () => {
      await start('restart', { command: ['false'], restart: 'always' });

      const seen = await waitUntil('a restart', async () => {
        const now = await see('restart');
        return now.restartCount > 0 ? now : undefined;
      });

      assert.ok(['running', 'restarting', 'exited'].includes(seen.status));
    });

    test('a process that uses more than its memory is killed, and that is told', async () => {
      await start('memory', {
        command: ['sh', '-c', 'head -c 200000000 /dev/zero >/memory/file'],
        memory: '16m',
        restart: 'no',
        mounts: [{ type: 'tmpfs', target: '/memory' }],
      });

      const seen = await waitUntil('its end', async () => {
        const now = await see('memory');
        return now.status === 'exited' ? now : undefined;
      });

      assert.equal(seen.exitCode === 0, false);
    });

    test('a workspace is on all of its networks, and joins and leaves them', async () => {
      await network('one', { subnet: '10.213.7.0/24', gateway: '10.213.7.1' });
      await network('two', { internal: true });
      await network('three');
      await start('networks', { networks: [named('one'), named('two')] });

      assert.deepEqual((await see('networks')).networks, [named('one'), named('two')]);
      await engine.connectNetwork(named('three'), named('networks'));
      await engine.connectNetwork(named('three'), named('networks'));
      await engine.disconnectNetwork(named('two'), named('networks'));
      await engine.disconnectNetwork(named('two'), named('networks'));

      assert.deepEqual((await see('networks')).networks, [named('one'), named('three')]);
      await assert.rejects(engine.removeNetwork(named('one')), (error) => isAppError(error, 'task-conflict'));
    });

    test('networks and volumes are seen with their labels; removing them twice is fine', async () => {
      const id = await network('seen', { labels: { mine: 'x' } });
      await engine.createVolume(named('seen'), volumeSpecSchema.parse({ labels: { mine: 'y' } }), { labels });

      const seenNetwork = (await engine.observeNetworks()).find((one) => one.name === named('seen'));
      const seenVolume = (await engine.observeVolumes()).find((one) => one.name === named('seen'));
      assert.deepEqual(seenNetwork, { id, name: named('seen'), driver: 'bridge', labels: { mine: 'x', ...labels } });
      assert.deepEqual(seenVolume, { name: named('seen'), driver: 'local', labels: { mine: 'y', ...labels } });
      for (const _ of [1, 2]) {
        await engine.removeNetwork(named('seen'));
        await engine.removeVolume(named('seen'));
      }
      assert.equal(
        (await engine.observeVolumes()).some((one) => one.name === named('seen')),
        false,
      );
    });

    test('a network of a taken name is a conflict, one whose addresses are taken is refused', async () => {
      await network('taken', { subnet: '10.213.8.0/24' });

      await assert.rejects(network('taken'), (error) => isAppError(error, 'task-conflict'));
      await assert.rejects(network('overlap', { subnet: '10.213.8.0/25' }), (error) =>
        isAppError(error, 'invalid-input'),
      );
    });

    test('a volume that somebody else has is not taken for ours; one that is in use is not removed', async () => {
      await engine.createVolume(named('foreign'), volumeSpecSchema.parse({}), { labels: {} });

      await assert.rejects(engine.createVolume(named('foreign'), volumeSpecSchema.parse({}), { labels }), (error) =>
        isAppError(error, 'task-conflict'),
      );
      await create('user', { mounts: [{ type: 'volume', volume: named('foreign'), target: '/x' }] });
      await assert.rejects(engine.removeVolume(named('foreign')), (error) => isAppError(error, 'task-conflict'));
      await engine.removeContainer(named('user'));
    });

    test('a build tells its steps, takes arguments and a target, labels its result and is found by its tag', async () => {
      const built = named('built');
      const dockerfile =
        'FROM scratch AS early\nARG COLOUR\nLABEL colour=$COLOUR\nCOPY root /\nFROM early\nLABEL late=yes\n';

      const { id, lines } = await build(`${built}:latest`, dockerfile, { args: { COLOUR: 'green' }, target: 'early' });

      const seen = (await engine.observeImages()).find((image) => image.id === id);
      assert.deepEqual(seen?.tags, [`${built}:latest`]);
      const { colour, late, 'suite.label': kept } = seen?.labels ?? {};
      assert.deepEqual({ colour, late, kept }, { colour: 'green', late: undefined, kept: 'kept' });
      assert.ok(lines.some((line) => /step \d+/i.test(line)));
      await engine.tagImage(id, `${built}:other`);
      await engine.removeImage(`${built}:latest`);
      await engine.removeImage(`${built}:latest`);
      const left = (await engine.observeImages()).find((image) => image.id === id);
      assert.deepEqual(left?.tags, [`${built}:other`]);
    });

    test('a build that fails says so in the words of the engine, and one that is cancelled ends', async () => {
      await assert.rejects(build(named('failing'), 'RUN ["sh", "-c", "exit 7"]\n'), (error) => {
        return isAppError(error, 'internal') && /\b7\b/.test(error.message);
      });

      const caller = new AbortController();
      const building = engine.build(await busyboxContext('RUN ["sleep", "1000"]\n'), {
        tag: named('cancelled'),
        dockerfile: 'Dockerfile',
        args: {},
        labels: {},
        target: undefined,
        useCache: false,
        pullBase: false,
        signal: caller.signal,
        onProgress: (line) => line.includes('sleep') && caller.abort(new Error('enough')),
      });
      await assert.rejects(building, /enough/);
    });

    test('events tell what changes, from the call on and until the signal', { timeout: 30_000 }, async () => {
      const enough = new AbortController();
      const seen: EngineEvent[] = [];
      const events = engine.events(enough.signal);
      const reading = (async () => {
        for await (const event of events) seen.push(event);
      })();

      await start('events');
      await engine.stopContainer(named('events'), 0);
      const ofOurs = () => seen.filter(({ name }) => name === named('events')).map(({ action }) => action);
      await waitUntil('the events', () => ofOurs().includes('die'));
      enough.abort();
      await reading;

      const actions = ofOurs();
      assert.ok(actions.indexOf('create') < actions.indexOf('start'));
      assert.ok(actions.indexOf('start') < actions.indexOf('die'));
    });

    test('what a container uses is measured; one that does not run cannot be', async () => {
      await start('usage', { memory: '128m' });

      const usage = await engine.usageOf(named('usage'));
      assert.ok(usage.memoryBytes > 0 && usage.cpuNanoseconds > 0);
      assert.deepEqual([usage.memoryLimitBytes, usage.processes], [128 * 1024 * 1024, 1]);
      await engine.stopContainer(named('usage'), 0);
      await assert.rejects(engine.usageOf(named('usage')), (error) => isAppError(error, 'task-conflict'));
    });

    test('a helper reads stdin and folders of the host, and leaves nothing', async () => {
      const helper = { image: imageId, labels, binds: ['/etc:/host:ro'], hostNamespaces: true };

      const echoed = await engine.runHelper({ ...helper, command: ['cat'], stdin: Buffer.from('as given') });
      const hostName = await engine.runHelper({ ...helper, command: ['cat', '/host/hostname'] });
      await assert.rejects(
        engine.runHelper({ ...helper, command: ['sh', '-c', 'echo why >&2; exit 3'] }),
        (error) => isAppError(error, 'internal') && /3, why/.test(error.message),
      );
      await assert.rejects(engine.runHelper({ ...helper, command: ['head', '-c', '2000000', '/dev/zero'] }), (error) =>
        isAppError(error, 'limit-exceeded'),
      );

      assert.equal(Buffer.from(echoed).toString(), 'as given');
      assert.ok(hostName.byteLength > 0);
      const left = (await engine.observeContainers()).filter(({ name }) => name.startsWith('agora-helper'));
      assert.deepEqual(
        left.filter((one) => one.labels[hostLabels.host] === labels[hostLabels.host]),
        [],
      );
    });

    test('health is what the check says', { skip: !hasHealthChecks }, async () => {
      const health = { command: ['sh', '-c', '[ -e /tmpfs/ill ] && exit 1 || exit 0'], interval: '100ms', retries: 1 };
      const mounts = [{ type: 'tmpfs', target: '/tmpfs' }];
      const command = ['sh', '-c', 'sleep 3; echo >/tmpfs/ill; sleep 1000'];
      await start('health', { health, mounts, command });

      await waitUntil('health', async () => (await see('health')).health === 'healthy');
      await waitUntil('illness', async () => (await see('health')).health === 'unhealthy');
    });
  });
}
