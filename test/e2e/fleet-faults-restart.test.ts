import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, type FleetEngine, fleetEngineFor } from '../support/fleet-engine.ts';
import { gateOfEngine } from '../support/fleet-gate.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { chosen, randomFrom, shuffled } from '../support/seeded-random.ts';

const skip = (await privateEngineObstacle()) ?? false;
const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
/** Those of an agent that change its engine, the first being 1. */
const calls = [1, 2, 3, 4, 5, 6, 7, 8];
const pausedMs = 30_000;
const patience = { timeoutMs: 60_000, intervalMs: 50 };

describe('an engine that goes away in the middle of an apply', { skip, timeout: 290_000 }, () => {
  /** Its agent reaches the engine through a gate. */
  const aHost = async (t: TestContext, name: string) => {
    const engine = await fleetEngineFor(t);
    const fleet = await FleetProcesses.start(t);
    const { gate, host } = await gateOfEngine(t, engine.engine.endpoint, fleet.project.folder);
    fleet.startAgent({ name, engine: host });
    await fleet.online(name);
    await fleet.set(name, { heartbeatSeconds: 1 });
    return { engine, fleet, gate };
  };
  /** Also what the engine starts by itself is there in the end. */
  const becomes = async (engine: FleetEngine, owned: readonly string[], told: string) => {
    const isThere = async () => (await engine.owned()).join() === owned.join();
    await waitUntil('all of it', isThere, patience).catch(() => undefined);
    assert.deepEqual(await engine.owned(), owned, told);
  };

  test('one that is stopped or killed at any step is told as down, and has all of it once it is back', async (t) => {
    t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
    const random = randomFrom(seed);
    const { engine, fleet, gate } = await aHost(t, 'ended');
    const foreign = async () => (await engine.foreign()).map((line) => line.split(' ')[0]);
    const others = await foreign();

    let reached = 0;
    for (const [round, call] of shuffled(random, calls).entries()) {
      const moment = chosen(random, 'before', 'during', 'after');
      const signal = chosen(random, 'SIGTERM', 'SIGKILL');
      const told = `${signal} ${moment} call ${call} in round ${round}`;
      const ended = Promise.withResolvers<true>();
      const strike = () => void engine.engine.stop(signal).then(() => ended.resolve(true), ended.reject);
      gate.lay({ call, moment, strike });

      const { spec, owned } = aSpec('ended', round);
      const revision = await fleet.apply('ended', spec);
      const isReached = await Promise.race([ended.promise, fleet.healthy('ended', revision).then(() => false)]);
      gate.lay(undefined);
      if (isReached) {
        reached += 1;
        await fleet.until(`${told} to be told`, 'ended', ({ host }) => host.link.engine === 'down');
        await engine.engine.start();
      }
      const { host, problems } = await fleet.healthy('ended', revision);

      assert.equal(host.link.link, 'online', told);
      assert.deepEqual(problems, [], told);
      await becomes(engine, owned, told);
      assert.deepEqual(await foreign(), others, told);
    }
    assert.ok(reached >= calls.length - 2, `only ${reached} of ${calls.length} calls were come to`);
    await fleet.healthy('ended', await fleet.apply('ended', {}));
  });

  test('one that hangs for half a minute is told as down, and has all of it once it goes on', async (t) => {
    const { engine, fleet, gate } = await aHost(t, 'paused');
    const { spec: first } = aSpec('paused', 0);
    const { spec, owned } = aSpec('paused', 1);
    await fleet.healthy('paused', await fleet.apply('paused', first));
    await fleet.set('paused', { heartbeatSeconds: 2 });
    const paused = Promise.withResolvers<void>();
    gate.lay({ call: 3, moment: 'after', strike: () => paused.resolve(engine.engine.pause()) });

    const revision = await fleet.apply('paused', spec);
    await paused.promise;
    const pausedAt = Date.now();
    await fleet.until('it to be told', 'paused', ({ host }) => host.link.engine === 'down');
    const toldAfterMs = Date.now() - pausedAt;
    const links = new Set<string>();
    const look = async () => {
      const status = (await fleet.statusOf('paused')) ?? assert.fail('it is gone');
      links.add(status.host.link.link);
      return Date.now() - pausedAt >= pausedMs ? status : undefined;
    };
    const during = await waitUntil('half a minute', look, { ...patience, intervalMs: 500 });
    await engine.engine.resume();
    await fleet.healthy('paused', revision);

    assert.ok(toldAfterMs < pausedMs, `it took ${toldAfterMs} ms`);
    assert.deepEqual([...links], ['online'], 'a link is not its engine');
    assert.equal(during.change?.times.healthy, undefined);
    assert.equal(during.workspaces.length, 2, 'no answer is no empty engine');
    await becomes(engine, owned, 'paused');
    await fleet.healthy('paused', await fleet.apply('paused', {}));
  });
});

/** Other than the one of the round before, with what the engine is then to have of ours. */
function aSpec(host: string, round: number) {
  const [web, side, network, data] = [
    `${host}-web`,
    `${host}-side-${round % 2}`,
    `${host}-${round % 2}`,
    `${host}-data`,
  ];
  const changed = aWorkspace({
    env: { ROUND: String(round) },
    networks: [network],
    mounts: [{ type: 'volume', volume: data, target: '/data' }],
  });
  const spec = {
    networks: { [network]: {} },
    volumes: { [data]: { removeWithSpec: true } },
    workspaces: { [web]: changed, [side]: aWorkspace() },
  };
  const owned = [`container ${side} running`, `container ${web} running`, `network ${network}`, `volume ${data}`];
  return { spec, owned };
}
