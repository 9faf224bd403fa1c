import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { Contact } from './contact.ts';
import { StateFolder } from './state-folder.ts';

test('how long a server is away is counted over starts of the agent and of the machine, until it is reached', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-contact-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = new StateFolder(folder);
  const machine = { bootId: 'first', now: 500_000 };
  const options = { state, bootId: async () => machine.bootId, now: () => machine.now };
  const problems: unknown[] = [];
  /** An agent that starts, looks for so long, and ends. */
  const live = async (use: (contact: Contact) => Promise<void> | void) => {
    const contact = await Contact.load(options);
    const ending = new AbortController();
    const running = contact.run(ending.signal, (error) => problems.push(error));
    await use(contact);
    ending.abort();
    await running;
  };
  const isKept = async () => (await state.read('contact.json')) !== undefined;

  await live(async (contact) => {
    assert.equal(contact.awayMs, 0);
    await waitUntil('it to be kept', isKept);
    machine.now += 10_000;
    assert.equal(contact.awayMs, 10_000);
  });
  machine.now += 5_000;
  await live((contact) => assert.equal(contact.awayMs, 15_000));
  Object.assign(machine, { bootId: 'second', now: 3_000 });
  await live(async (contact) => {
    assert.equal(contact.awayMs, 15_000);
    contact.change(false);
    await waitUntil('it to be forgotten', async () => !(await isKept()));
    machine.now += 1_000;
    assert.equal(contact.awayMs, undefined);
    contact.change(true);
    machine.now += 2_000;
    contact.change(true);
    assert.equal(contact.awayMs, 2_000);
  });

  assert.deepEqual(problems, []);
});
