import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, type TestContext, test } from 'node:test';
import { sleep, waitUntil } from '../../src/base/deadline.ts';
import { type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import type { Cable } from '../support/fleet-network.ts';
import { kill } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import type { Finished } from '../support/project.ts';
import { prints, SessionPlace } from '../support/session-place.ts';

const skip = (await privateEngineObstacle()) ?? false;
const cutMs = 60_000;
const patience = { timeoutMs: 30_000, intervalMs: 100 };

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
    const numbers = new Numbers(place, 950);
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
    const numbers = new Numbers(place, 300);
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

const padding = 'x'.repeat(200);

/** An exec that prints numbered lines, and is told numbered lines, which it repeats as errors. */
class Numbers {
  readonly #count: number;
  readonly #running: ReturnType<SessionPlace['call']>;

  /** Ten a second, ten lines each. */
  constructor(place: SessionPlace, count: number) {
    this.#count = count;
    const line = `"out $((i / 10)) $i ${padding}"`;
    const print = `i=0; while [ $i -lt ${count * 10} ]; do echo ${line}; i=$((i + 1)); [ $((i % 10)) = 0 ] && sleep 0.07; done`;
    const script = `exec 3<&0; cat <&3 >&2 & ${print}; wait; exit 7`;
    this.#running = place.call(['host', 'exec', '-i', place.target, '--', 'sh', '-c', script], {
      input: Readable.from(typed(count)),
    });
  }

  async areUnderWay(): Promise<void> {
    await prints(this.#running, 'out 5 ');
    await waitUntil('its input', () => this.#running.stderr().includes('in 5 '), patience);
  }

  /** Both ways, from now on. */
  async goOn(): Promise<void> {
    const { stdout, stderr } = this.#running;
    const [printed, told] = [stdout().length, stderr().length];
    const isOn = () => stdout().length > printed + 5_000 && stderr().length > told + 5_000;
    await waitUntil('the numbers to go on', isOn, patience);
  }

  async cameExactlyOnce(): Promise<void> {
    const { code, stdout, stderr }: Finished = await this.#running.finished;
    const told = stderr.split('\n').filter((line) => line.startsWith('in '));
    assert.deepEqual(differences(stdout.split('\n').slice(0, -1), this.#count * 10, outLine), []);
    assert.deepEqual(differences(told, this.#count, inLine), []);
    assert.equal(code, 7, stderr.slice(-1_000));
  }
}

const outLine = (index: number) => `out ${Math.floor(index / 10)} ${index} ${padding}`;
const inLine = (index: number) => `in ${index} ${padding.repeat(10)}`;

async function* typed(count: number): AsyncGenerator<string> {
  for (let index = 0; index < count; index += 1) {
    yield `${inLine(index)}\n`;
    await sleep(75);
  }
}

/** The first few lines that are not as they should be: all of them would fill the screen. */
function differences(lines: readonly string[], count: number, expected: (index: number) => string): string[] {
  const wrong = lines.flatMap((line, index) =>
    line === expected(index)
      ? []
      : [`line ${index} is ${line.slice(0, 40)} instead of ${expected(index).slice(0, 40)}`],
  );
  return [...wrong.slice(0, 5), ...(lines.length === count ? [] : [`${lines.length} lines instead of ${count}`])];
}
