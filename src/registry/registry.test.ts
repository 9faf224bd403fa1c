import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from '../storage/local.ts';
import { listSubagents, registerSubagent, resolveSubagent } from './subagents.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-registry-'));
after(() => rm(folder, { recursive: true, force: true }));
const storage = new LocalStorage({ root: folder });

test('a subagent resolves to what was registered, pinned by its digest', async () => {
  const registered = await registerSubagent(storage, 'first', { name: 'edit', command: ['sh', '-c', 'true'] });

  const resolved = await resolveSubagent(storage, 'first', 'edit');

  assert.deepEqual(resolved, {
    ...registered,
    subagent: { name: 'edit', runtime: 'command', command: ['sh', '-c', 'true'] },
  });
  assert.deepEqual(await listSubagents(storage, 'first'), [registered]);
  assert.deepEqual(await listSubagents(storage, 'other'), []);
});

test('registering earlier content again makes it the latest', async () => {
  const old = await registerSubagent(storage, 'again', { name: 'edit', command: ['old'] });
  const other = await registerSubagent(storage, 'again', { name: 'edit', command: ['new'] });
  assert.notEqual(old.digest, other.digest);

  await registerSubagent(storage, 'again', { command: ['old'], name: 'edit', runtime: 'command' });

  assert.equal((await resolveSubagent(storage, 'again', 'edit')).digest, old.digest);
});

test('an unknown name is said to be one', async () => {
  await assert.rejects(resolveSubagent(storage, 'first', 'nobody'), (error) => isAppError(error, 'unknown-name'));
  await assert.rejects(resolveSubagent(storage, 'first', '../x'), (error) => isAppError(error, 'invalid-input'));
});

test('a definition with a credential is refused with its place and is not stored', async () => {
  const token = `ghp_${'a'.repeat(36)}`;
  const registering = registerSubagent(storage, 'leak', { name: 'leaky', command: ['x'], env: { TOKEN: token } });

  await assert.rejects(registering, (error) => {
    assert.ok(isAppError(error, 'refused'));
    assert.match(error.message, /env\.TOKEN looks like a GitHub token/);
    return !error.message.includes(token);
  });
  assert.deepEqual(await listSubagents(storage, 'leak'), []);
});

test('a definition with an unknown field is refused', async () => {
  const definition = { name: 'edit', command: ['x'], comand: ['y'] };

  await assert.rejects(registerSubagent(storage, 'bad', definition), (error) => isAppError(error, 'invalid-input'));
});

test('a name record that was damaged is reported as such', async () => {
  await storage.putName({ namespace: 'damaged', type: 'subagent', name: 'edit' }, '{"digest":');

  await assert.rejects(resolveSubagent(storage, 'damaged', 'edit'), (error) => isAppError(error, 'state-corrupt'));
});
