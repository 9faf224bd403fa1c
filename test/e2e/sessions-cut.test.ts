import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { sleep } from '../../src/base/deadline.ts';
import { type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import type { Cable } from '../support/fleet-network.ts';
import { kill } from '../support/fleet-processes.ts';
import { NumberedExec } from '../support/numbered-exec.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { SessionPlace } from '../support/session-place.ts';

const skip = (await privateEngineObstacle()) ?? false;
const cutMs = 60_000;

describe('an exec whose way is lost goes on with every byte exactly once', {
  skip,
  timeout: 170_000,
  concurrency: true,
}, () => {
  let engine: FleetEngine;
  before(async () => {
    engine = await startFleetEngine();
  });
  after(() => engine.close());

  const cutFor = async (t: TestContext, name: string, cableOf: (place: SessionPlace) => Cable) => {
    const place = await SessionPlace.start(t, { engine, name });
    // 20 KB/s each way: over the cut more than is kept anywhere.
    const numbers = new NumberedExec(place, 950);
    await numbers.areUnderWay();

    await cableOf(place).cut();
    await sleep(cutMs);
    await cableOf(place).mend();

    await numbers.cameExactlyOnce();
  };

  test('when the network of the host is cut for a minute', (t) => cutFor(t, 'far', ({ agentCable }) => agentCable));

  test('when the network of the caller is cut for a minute', (t) =>
    cutFor(t, 'caller', ({ callerCable }) => callerCable));

  test('when the server is restarted, and when it is killed', async (t) => {
    const place = await SessionPlace.start(t, { engine, name: 'served' });
    const { fleet } = place;
    const numbers = new NumberedExec(place, 300);
    await numbers.areUnderWay();

    fleet.server.child.kill('SIGTERM');
    const { code } = await fleet.server.finished;
    await fleet.startServerThere();
    await numbers.goOn();
    await kill(fleet.server);
    await fleet.startServerThere();
    await numbers.goOn();

    assert.equal(code, 0, 'an open session does not hold it up');
    await numbers.cameExactlyOnce();
  });
});
