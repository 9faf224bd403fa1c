import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (...words: readonly string[]) => run('ip', words);

/** A network namespace with one cable to that of the test, which can be pulled out. */
export interface CabledNamespace {
  readonly name: string;
  /** Of the test, as the namespace reaches it. */
  readonly address: string;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** Gone after the test. */
export async function cabledNamespace(t: TestContext): Promise<CabledNamespace> {
  const mark = randomBytes(4).toString('hex');
  const name = `agora-${mark}`;
  const cable = { here: `ah${mark}`, there: `at${mark}` };
  // Four addresses of its own: other tests have such cables at the same time.
  const first = 4 * randomInt(64);
  const subnet = `10.214.${randomInt(256)}`;
  const [here, there] = [`${subnet}.${first + 1}`, `${subnet}.${first + 2}`];
  await ip('netns', 'add', name);
  t.after(() => ip('netns', 'delete', name)); // Its cable goes with it.
  await ip('link', 'add', cable.here, 'type', 'veth', 'peer', 'name', cable.there, 'netns', name);
  await ip('address', 'add', `${here}/30`, 'dev', cable.here);
  await ip('link', 'set', cable.here, 'up');
  await ip('-n', name, 'address', 'add', `${there}/30`, 'dev', cable.there);
  for (const device of ['lo', cable.there]) await ip('-n', name, 'link', 'set', device, 'up');
  return {
    name,
    address: here,
    cut: async () => void (await ip('link', 'set', cable.here, 'down')),
    mend: async () => void (await ip('link', 'set', cable.here, 'up')),
  };
}
