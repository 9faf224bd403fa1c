import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (...words: readonly string[]) => run('ip', words);

/** A cable between the test and a network namespace, which can be pulled out. */
export interface Cable {
  /** Of the test, as the namespace reaches it. */
  readonly address: string;
  /** Of the namespace, as the test reaches it. */
  readonly farAddress: string;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

export interface CabledNamespace extends Cable {
  readonly name: string;
}

/** A network namespace with one cable to that of the test. Gone after the test. */
export async function cabledNamespace(t: Pick<TestContext, 'after'>): Promise<CabledNamespace> {
  const name = `agora-${randomBytes(4).toString('hex')}`;
  await ip('netns', 'add', name);
  t.after(() => ip('netns', 'delete', name)); // Its cable goes with it.
  return { name, ...(await cableTo(name)) };
}

/** Goes with the namespace. */
export async function cableTo(namespace: string): Promise<Cable> {
  const mark = randomBytes(4).toString('hex');
  const cable = { here: `ah${mark}`, there: `at${mark}` };
  // Four addresses of its own: other tests have such cables at the same time.
  const first = 4 * randomInt(64);
  const subnet = `10.214.${randomInt(256)}`;
  const [address, farAddress] = [`${subnet}.${first + 1}`, `${subnet}.${first + 2}`];
  await ip('link', 'add', cable.here, 'type', 'veth', 'peer', 'name', cable.there, 'netns', namespace);
  await ip('address', 'add', `${address}/30`, 'dev', cable.here);
  await ip('link', 'set', cable.here, 'up');
  await ip('-n', namespace, 'address', 'add', `${farAddress}/30`, 'dev', cable.there);
  for (const device of ['lo', cable.there]) await ip('-n', namespace, 'link', 'set', device, 'up');
  return {
    address,
    farAddress,
    cut: async () => void (await ip('link', 'set', cable.here, 'down')),
    mend: async () => void (await ip('link', 'set', cable.here, 'up')),
  };
}
