import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { sleep, waitUntil } from '../../src/base/deadline.ts';
import type { Finished } from './project.ts';
import { prints, type SessionPlace } from './session-place.ts';

const patience = { timeoutMs: 30_000, intervalMs: 100 };
const padding = 'x'.repeat(200);

/** An exec that prints numbered lines, and is told numbered lines, which it repeats as errors. */
export class NumberedExec {
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
