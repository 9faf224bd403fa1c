import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { FleetProcesses, kill } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
const patience = { timeoutMs: 30_000 };
const wrongClock = pathToFileURL(join(import.meta.dirname, '../support/wrong-clock.mjs')).href;

describe('an agent that is not who or when it seems', { skip, timeout: 180_000 }, () => {
  let engine: FleetEngine;
  before(async () => {
    engine = await startFleetEngine();
  });
  after(() => engine.close());

  const aHost = async (t: TestContext, name: string, env = {}) => {
    const fleet = await FleetProcesses.start(t);
    const agent = fleet.startAgent({ name, engine: engine.engine.host, env });
    await fleet.online(name);
    await fleet.set(name, { heartbeatSeconds: 1 });
    return { fleet, agent };
  };
  const see = async (name: string) =>
    (await engine.host.observeContainers()).find((container) => container.name === name);

  test('a machine and its clone are both held back, what runs stays, and an admin lets one of them go on', async (t) => {
    const { fleet, agent } = await aHost(t, 'original');
    const { folder } = fleet.project;
    await fleet.healthy('original', await fleet.apply('original', { workspaces: { shared: aWorkspace() } }));
    const shared = await see('shared');

    await cp(join(folder, 'original'), join(folder, 'copy'), {
      recursive: true,
      filter: (path) => !path.includes('agent.lock'),
    });
    const clone = fleet.startAgent({ name: 'original', state: 'copy', engine: engine.engine.host });
    await fleet.until('it to be held back', 'original', ({ host }) => host.admission === 'duplicate');
    await waitUntil('both to say so', () => [agent, clone].every((one) => /duplicate/.test(one.stderr())), patience);
    await assert.rejects(fleet.apply('original', { workspaces: {} }), /it is duplicate/);

    const activity = await fleet.agora(['activity', '--json']);
    assert.match(activity.stdout, /"host\.duplicate"/);
    assert.equal((await fleet.admin.call('listHosts', {})).hosts.length, 1, 'never two of one key');
    await kill(clone);
    assert.deepEqual(await see('shared'), shared);
    const { host } = (await fleet.statusOf('original')) ?? assert.fail('it is gone');
    const approved = await fleet.agora(['host', 'approve', 'original', host.fingerprint]);
    assert.equal(approved.code, 0, approved.stderr);
    await fleet.healthy('original', await fleet.apply('original', { workspaces: {} }));
    assert.equal(await see('shared'), undefined);
  });

  test('another key on the same machine is another host, which is told and has nothing of the first', async (t) => {
    const { fleet } = await aHost(t, 'first');
    await fleet.healthy('first', await fleet.apply('first', { workspaces: { theirs: aWorkspace() } }));
    const theirs = await see('theirs');

    fleet.startAgent({ name: 'first', state: 'second', engine: engine.engine.host });
    await fleet.online('first-2');
    const { hosts } = await fleet.admin.call('listHosts', {});
    const revision = await fleet.apply('first-2', { workspaces: { theirs: aWorkspace(), ours: aWorkspace() } });
    const status = await fleet.until(
      'the name to be told as taken',
      'first-2',
      ({ change, workspaces }) =>
        change?.revision === revision && workspaces.find(({ name }) => name === 'theirs')?.state === 'foreign',
    );

    assert.equal(hosts.find(({ name }) => name === 'first-2')?.sameMachineAs, 'first');
    assert.match(JSON.stringify(status.problems), /a container of this name is not ours/);
    assert.deepEqual(await see('theirs'), theirs);
    await waitUntil('its own to run', async () => (await see('ours'))?.status === 'running', patience);
  });

  test('a host whose clock is an hour ahead works, says so, and tells times of the clock of the server', async (t) => {
    const began = Date.now();
    const { fleet, agent } = await aHost(t, 'ahead', { NODE_OPTIONS: `--import=${wrongClock}` });

    await waitUntil('its clock to be told', () => /clock of this host is \d+ s ahead/.test(agent.stderr()), patience);
    const revision = await fleet.apply('ahead', { workspaces: { timely: aWorkspace() } });
    const { change, host, observedAt, steps } = await fleet.healthy('ahead', revision);

    const stepTimes = steps.flatMap(({ startedAt = '', endedAt = '' }) => [startedAt, endedAt]);
    assert.notDeepEqual(stepTimes, []);
    const times = [...Object.values(change?.times ?? {}), ...stepTimes, observedAt ?? '', host.link.lastSeenAt ?? ''];
    for (const time of times) {
      assert.ok(Date.parse(time) >= began && Date.parse(time) <= Date.now() + 2_000, `${time} in ${times}`);
    }
    assert.equal(host.link.link, 'online');
    const { id = '' } = (await see('timely')) ?? {};
    await engine.raw.getContainer(id).kill();
    await waitUntil('its repair', async () => (await see('timely'))?.status === 'running', patience);
  });

  test('a state folder that is damaged is told with what to do, and what can come again does', async (t) => {
    const { fleet, agent } = await aHost(t, 'damaged');
    await fleet.healthy('damaged', await fleet.apply('damaged', { workspaces: { still: aWorkspace() } }));
    const still = await see('still');
    await kill(agent);
    const state = join(fleet.project.folder, 'damaged/agora-agent');
    const key = await readFile(join(state, 'identity.pem'));

    for (const file of ['target.json', 'memory.json', 'progress.json']) await writeFile(join(state, file), '{"half');
    await writeFile(join(state, 'identity.pem'), 'nonsense', { mode: 0o600 });
    const refused = await fleet.startAgent({ name: 'damaged', engine: engine.engine.host }).finished;
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Cannot use "identity\.pem" in .*: it is not such a key/);
    assert.deepEqual(await see('still'), still);

    await writeFile(join(state, 'identity.pem'), key, { mode: 0o600 });
    fleet.startAgent({ name: 'damaged', engine: engine.engine.host });
    const revision = await fleet.apply('damaged', { workspaces: { still: aWorkspace(), more: aWorkspace() } });
    await fleet.healthy('damaged', revision);
    assert.deepEqual(await see('still'), still);
  });
});
