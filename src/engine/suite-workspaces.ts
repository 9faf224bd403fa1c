import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { workspaceSpecSchema } from '../contracts/host-spec.ts';
import type { SuiteHost } from './suite-host.ts';

export interface WorkspaceTestOptions {
  /** Whether the engine runs health checks itself: Podman leaves that to systemd. Default: true. */
  readonly hasHealthChecks?: boolean;
  /** Whether it refuses to mount a folder of the host that is not there: Podman makes it. Default: true. */
  readonly refusesMissingFolders?: boolean;
}

export function workspaceTests(
  host: SuiteHost,
  { hasHealthChecks = true, refusesMissingFolders = true }: WorkspaceTestOptions,
): void {
  const { labels } = host;
  const named = (what: string) => host.named(what);

  test('a workspace is created, started, stopped and removed, each twice without harm', async () => {
    const id = await host.create('life');

    assert.equal((await host.see('life')).status, 'created');
    await host.engine.startContainer(id);
    await host.engine.startContainer(id);
    const running = await host.see('life');
    assert.deepEqual(
      {
        ...running,
        ...{ startedAt: undefined, finishedAt: undefined, labels: undefined, networks: undefined, limits: undefined },
      },
      {
        id,
        name: named('life'),
        imageId: host.imageId,
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
        limits: undefined,
      },
    );
    assert.equal(running.labels[hostLabels.host], labels[hostLabels.host]);
    assert.ok(Math.abs(Date.parse(running.startedAt ?? '') - Date.now()) < 60_000);
    await host.engine.stopContainer(id, 0);
    await host.engine.stopContainer(id, 0);
    const stopped = await host.see('life');
    assert.deepEqual([stopped.status, stopped.exitCode], ['exited', 137]);
    assert.ok(stopped.finishedAt !== undefined);
    await host.engine.removeContainer(id);
    await host.engine.removeContainer(id);
    assert.equal(
      (await host.engine.observeContainers()).some((one) => one.id === id),
      false,
    );
  });

  test('a name that is taken is a conflict; a renamed container has the other name', async () => {
    await host.create('first');

    await assert.rejects(host.create('first'), (error) => isAppError(error, 'task-conflict'));
    await host.engine.renameContainer(named('first'), named('renamed'));

    assert.equal((await host.see('renamed')).status, 'created');
  });

  test('limits are shown as they were declared', async () => {
    for (const restart of ['no', 'on-failure', 'always', 'unless-stopped']) {
      const name = `limits-${restart}`;
      await host.create(name, { memory: '64m', cpus: 0.25, pids: 50, restart });

      assert.deepEqual((await host.see(name)).limits, { memoryBytes: 64 * 1024 * 1024, cpus: 0.25, pids: 50, restart });
    }
    await host.create('unlimited');
    const { memoryBytes, cpus } = (await host.see('unlimited')).limits ?? {};
    assert.deepEqual([memoryBytes, cpus], [undefined, undefined]);
  });

  test('environment, secrets, working directory and limits reach the process', async () => {
    const text = await host.report(
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
    const volume = named('report-volume');
    const mounts = [
      { type: 'volume', volume, target: '/report' },
      { type: 'bind', source: '/etc', target: '/host', readOnly: true },
      { type: 'tmpfs', target: '/memory', size: '4m' },
    ];

    const text = await host.report(script, { mounts });

    assert.match(text, /^bind\n[\s\S]*^kept\n[\s\S]* 4096 /m);
  });

  test('a folder of the host that is not there is refused in the words of the engine', {
    skip: !refusesMissingFolders,
  }, async () => {
    const mounts = [{ type: 'bind', source: '/no/such/folder', target: '/x' }];
    const made = host.create('folder', { mounts }).then((id) => host.engine.startContainer(id));

    await assert.rejects(made, (error) => isAppError(error, 'invalid-input') && /no\/such\/folder/.test(error.message));
  });

  test('a device that is not there, or a command, is refused in the words of the engine', async () => {
    const refused = (wish: object, what: string) =>
      assert.rejects(
        host.create(what, wish).then((id) => host.engine.startContainer(id)),
        (error) => isAppError(error, 'invalid-input') && /no-such/.test(error.message),
      );

    await refused({ devices: ['/dev/no-such'] }, 'device');
    await refused({ command: ['no-such'] }, 'command');
  });

  test('GPUs that the host does not have are refused, never left out', async (t) => {
    const { runtimes } = await host.engine.describeHost();
    if (runtimes.includes('nvidia')) return t.skip('the host has GPUs');
    const made = host.create('gpus', { gpus: 'all' }).then((id) => host.engine.startContainer(id));

    await assert.rejects(made, (error) => isAppError(error, 'invalid-input') && error.next !== undefined);
  });

  test('an image that is not there is missing', async () => {
    const spec = workspaceSpecSchema.parse({ image: 'x' });
    const absent = `sha256:${'0'.repeat(64)}`;

    await assert.rejects(
      host.engine.createWorkspace({ name: named('absent'), spec, imageId: absent, secrets: {}, labels }),
      (error) => isAppError(error, 'image-missing'),
    );
  });

  test('a port of the host that is taken is refused in the words of the engine, and shown no longer once it is free', async () => {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = [{ container: 80, host: port, address: '127.0.0.1' }];
    const first = await host.start('port', { ports });
    const second = await host.create('port-too', { ports });

    await assert.rejects(host.engine.startContainer(second), (error) => {
      return isAppError(error, 'task-conflict') && error.message.includes(String(port)) && error.next !== undefined;
    });
    await host.engine.removeContainer(first);
    await host.engine.startContainer(second);

    const seen = await host.see('port-too');
    assert.deepEqual([seen.status, seen.error], ['running', '']);
  });

  test('a process that ends is started again by the engine under its policy, and counted', async () => {
    await host.start('restart', { command: ['false'], restart: 'always' });

    const seen = await waitUntil('a restart', async () => {
      const now = await host.see('restart');
      return now.restartCount > 0 ? now : undefined;
    });

    assert.ok(['running', 'restarting', 'exited'].includes(seen.status));
  });

  test('a process that uses more than its memory is killed, and that is told', async () => {
    await host.start('memory', {
      command: ['sh', '-c', 'head -c 200000000 /dev/zero >/memory/file'],
      memory: '16m',
      restart: 'no',
      mounts: [{ type: 'tmpfs', target: '/memory' }],
    });

    const seen = await waitUntil('its end', async () => {
      const now = await host.see('memory');
      return now.status === 'exited' ? now : undefined;
    });

    assert.equal(seen.exitCode === 0, false);
  });

  test('health is what the check says', { skip: !hasHealthChecks }, async () => {
    const health = { command: ['sh', '-c', '[ -e /tmpfs/ill ] && exit 1 || exit 0'], interval: '100ms', retries: 1 };
    const mounts = [{ type: 'tmpfs', target: '/tmpfs' }];
    const command = ['sh', '-c', 'sleep 3; echo >/tmpfs/ill; sleep 1000'];
    await host.start('health', { health, mounts, command });

    await waitUntil('health', async () => (await host.see('health')).health === 'healthy');
    await waitUntil('illness', async () => (await host.see('health')).health === 'unhealthy');
  });
}
