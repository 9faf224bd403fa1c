import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { isAppError } from '../../src/contracts/errors.ts';
import { aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { FleetProcesses, kill } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { emptyProject, type Running } from '../support/project.ts';
import { smallDisk } from '../support/small-disk.ts';

const skip = (await privateEngineObstacle()) ?? false;

describe('a server that fails', { skip, timeout: 180_000 }, () => {
  let engine: FleetEngine;
  before(async () => {
    engine = await startFleetEngine();
  });
  after(() => engine.close());

  const aHost = async (t: TestContext, name: string) => {
    const fleet = await FleetProcesses.start(t);
    const agent = fleet.startAgent({ name, engine: engine.engine.host });
    await fleet.online(name);
    return { fleet, agent };
  };
  const see = async (name: string) =>
    (await engine.host.observeContainers()).find((container) => container.name === name);
  const running = (name: string, butId = '') =>
    waitUntil(
      `"${name}" to run`,
      async () => {
        const container = await see(name);
        return container?.status === 'running' && container.id !== butId ? container : undefined;
      },
      { timeoutMs: 30_000 },
    );
  const end = async (server: Running) => {
    server.child.kill('SIGTERM');
    assert.equal((await server.finished).code, 0);
  };

  test('what runs goes on and is repaired while the server is away, which shows no host as offline once it is back', async (t) => {
    const { fleet } = await aHost(t, 'kept');
    const revision = await fleet.apply('kept', { workspaces: { stays: aWorkspace(), broken: aWorkspace() } });
    await fleet.healthy('kept', revision);
    const [stays, broken] = [await running('stays'), await running('broken')];

    await kill(fleet.server);
    await engine.raw.getContainer(broken.id).remove({ force: true });
    await running('broken', broken.id);
    await fleet.startServerThere();
    const seen = new Set<string>();
    await waitUntil(
      'the host to be back',
      async () => {
        const status = await fleet.statusOf('kept');
        if (status === undefined) return false;
        seen.add(status.host.link.link);
        assert.equal(status.workspaces.length, 2, 'no report is no empty report');
        return status.host.link.hasSocket;
      },
      { timeoutMs: 20_000 },
    );

    assert.ok(!seen.has('offline'), [...seen].join());
    assert.deepEqual(await see('stays'), stays);
    await fleet.healthy('kept', await fleet.apply('kept', { workspaces: { stays: aWorkspace() } }));
    assert.equal(await see('broken'), undefined);
  });

  test('a server restored from a backup has its hosts back by themselves, and they take what is declared next', async (t) => {
    const { fleet } = await aHost(t, 'restored');
    const { project } = fleet;
    await fleet.healthy('restored', await fleet.apply('restored', { workspaces: { one: aWorkspace() } }));
    const saved = await project.agora(['server', 'backup', 'all.tar', '-d', 'data']);
    assert.equal(saved.code, 0, saved.stderr);
    await fleet.healthy('restored', await fleet.apply('restored', { workspaces: { two: aWorkspace() } }));
    const two = await running('two');

    await kill(fleet.server);
    await rename(join(project.folder, 'data'), join(project.folder, 'lost'));
    const restored = await project.agora(['server', 'restore', 'all.tar', '-d', 'data']);
    assert.equal(restored.code, 0, restored.stderr);
    await fleet.startServerThere();
    await fleet.online('restored');
    await fleet.until('its socket', 'restored', ({ host }) => host.link.hasSocket);

    assert.deepEqual(await see('two'), two, 'what the backup does not know of is left as it is');
    const revision = await fleet.apply('restored', { workspaces: { two: aWorkspace(), three: aWorkspace() } });
    await fleet.healthy('restored', revision);
    assert.deepEqual(await see('two'), two);
    assert.equal((await running('three')).status, 'running');
  });

  test('what is declared on a restored server before its host is back reaches the host', async (t) => {
    const { fleet, agent } = await aHost(t, 'late');
    const { project } = fleet;
    await fleet.healthy('late', await fleet.apply('late', { workspaces: { early: aWorkspace() } }));
    const saved = await project.agora(['server', 'backup', 'all.tar', '-d', 'data']);
    assert.equal(saved.code, 0, saved.stderr);
    await fleet.healthy('late', await fleet.apply('late', { workspaces: { lost: aWorkspace() } }));
    await kill(agent);
    await kill(fleet.server);
    await rm(join(project.folder, 'data'), { recursive: true });
    await project.agora(['server', 'restore', 'all.tar', '-d', 'data']);
    await fleet.startServerThere();

    await fleet.apply('late', { workspaces: { found: aWorkspace() } });
    fleet.startAgent({ name: 'late', engine: engine.engine.host });

    await running('found');
    await waitUntil('the other to go', async () => (await see('lost')) === undefined, { timeoutMs: 20_000 });
  });

  test('a database of a newer version is refused and left as it is, and its hosts go on', async (t) => {
    const { fleet } = await aHost(t, 'newer');
    await fleet.healthy('newer', await fleet.apply('newer', { workspaces: { works: aWorkspace() } }));
    await end(fleet.server);
    const file = join(fleet.project.folder, 'data/server.db');
    const version = versionOf(file);
    setVersion(file, 9_999);

    const refused = await fleet.project.agora(['server', '-d', 'data', '--listen', new URL(fleet.url).host]);

    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /Cannot open server state ".*server\.db": it has schema version 9999/);
    assert.match(refused.stderr, /next: Use the newer Agora that wrote it/);
    assert.equal(versionOf(file), 9_999);
    assert.equal((await see('works'))?.status, 'running');
    setVersion(file, version);
    await fleet.startServerThere();
    await fleet.online('newer');
  });

  test('a server whose disk is full says so, changes nothing, and goes on once there is space', async (t) => {
    const project = await emptyProject(t, 'process');
    const disk = await smallDisk(4 * 1024 * 1024);
    t.after(() => disk.close());
    await mkdir(disk.folder, { mode: 0o700 });
    await symlink(disk.folder, join(project.folder, 'data'));
    const fleet = await FleetProcesses.startIn(project);
    fleet.startAgent({ name: 'full', engine: engine.engine.host });
    await fleet.online('full');
    const revision = await fleet.apply('full', { workspaces: { small: aWorkspace() } });
    await fleet.healthy('full', revision);
    await disk.fill();

    const large = { workspaces: { small: aWorkspace({ env: { LARGE: 'x'.repeat(60_000) } }) } };
    const refusal: unknown = await fleet.apply('full', large).catch((error: unknown) => error);

    assert.ok(isAppError(refusal, 'disk-full'), String(refusal));
    assert.equal((await fleet.statusOf('full'))?.change?.revision, revision);
    await disk.free();
    await fleet.healthy('full', await fleet.apply('full', large));
    assert.equal(fleet.server.child.exitCode, null);
  });
});

function versionOf(file: string): number {
  const database = new DatabaseSync(file);
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  database.close();
  return version;
}

function setVersion(file: string, version: number): void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA user_version = ${version}`);
  database.close();
}
