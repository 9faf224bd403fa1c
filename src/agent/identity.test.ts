import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { publicKeyText } from '../base/fleet-keys.ts';
import type { AgentState, StateName } from './agent-state.ts';
import { Identity, ownMachineId, readMachineId, registrationTokenOf } from './identity.ts';
import { StateFolder } from './state-folder.ts';

async function someFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-identity-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('keys are made once, for their owner only, and are the same after a restart', async (t) => {
  const folder = await someFolder(t);

  const first = await Identity.load(new StateFolder(folder));
  const second = await Identity.load(new StateFolder(folder));

  assert.equal(first.fingerprint, second.fingerprint);
  assert.match(first.fingerprint, /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
  for (const name of ['identity.pem', 'sealing.pem']) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  }
});

test('a key that others may read, or that is none, is refused', async (t) => {
  const folder = await someFolder(t);
  await Identity.load(new StateFolder(folder));

  await chmod(join(folder, 'identity.pem'), 0o644);
  await assert.rejects(Identity.load(new StateFolder(folder)), {
    code: 'state-corrupt',
    message: /others than its owner/,
  });
  await chmod(join(folder, 'identity.pem'), 0o600);
  await writeFile(join(folder, 'identity.pem'), 'nothing');
  await assert.rejects(Identity.load(new StateFolder(folder)), { code: 'state-corrupt' });
});

/** Fails from the write of that number on, as a process that was killed then. */
class DyingState implements AgentState {
  readonly place: string;
  readonly #state: StateFolder;
  #left: number;

  constructor(state: StateFolder, writes: number) {
    this.place = state.place;
    this.#state = state;
    this.#left = writes;
  }

  read = (name: StateName) => this.#state.read(name);
  flush = async () => {};
  write = (name: StateName, text: string) => this.#count(() => this.#state.write(name, text));
  remove = (name: StateName) => this.#count(() => this.#state.remove(name));

  async #count(change: () => Promise<void>): Promise<void> {
    this.#left -= 1;
    if (this.#left < 0) throw new Error('killed');
    await change();
  }
}

test('an agent that is killed anywhere while it takes new keys has keys that the server knows', async (t) => {
  for (let writes = 0; writes < 8; writes += 1) {
    const state = new StateFolder(await someFolder(t));
    const before = publicKeyText((await Identity.load(state)).keys.identity);
    const dying = await Identity.load(new DyingState(state, writes));
    let next: string | undefined;
    try {
      await dying.makeNext();
      next = dying.next && publicKeyText(dying.next.identity);
      await dying.takeNext();
    } catch {
      // It was killed.
    }

    const after = await Identity.load(state);
    const registers = publicKeyText((after.next ?? after.keys).identity);

    // What the server took, or what it knows still where it took nothing.
    assert.equal(registers, next ?? before, `killed after ${writes} writes`);
  }
});

test('the registration token is the same for a machine and does not tell its id', async (t) => {
  const machineId = '0123456789abcdef0123456789abcdef';
  const folder = await someFolder(t);
  await writeFile(join(folder, 'machine-id'), `${machineId}\n`);

  assert.equal(await readMachineId([join(folder, 'none'), join(folder, 'machine-id')]), machineId);
  assert.match(registrationTokenOf(machineId), /^[0-9a-f]{64}$/);
  assert.equal(registrationTokenOf(`${machineId}\n`), registrationTokenOf(machineId));
  const state = new StateFolder(join(folder, 'state'));
  assert.equal(await ownMachineId(state), await ownMachineId(state));
});
