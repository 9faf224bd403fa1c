import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mostReadAtOnce } from '../../test/support/most-at-once.ts';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from '../storage/local.ts';
import { listRegistered, removeRegistered } from './registered.ts';
import { type GivenSubagent, registerSubagent, resolveSubagent } from './subagents.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-registry-'));
after(() => rm(folder, { recursive: true, force: true }));
const storage = new LocalStorage({ root: folder });

test('a subagent resolves to what was registered, pinned by its digest', async () => {
  const registered = await registerSubagent(storage, 'first', { name: 'edit', command: ['sh', '-c', 'true'] });

  const resolved = await resolveSubagent(storage, 'first', 'edit');

  assert.deepEqual(resolved, {
    name: registered.name,
    digest: registered.digest,
    subagent: { name: 'edit', runtime: 'command', command: ['sh', '-c', 'true'] },
  });
  assert.deepEqual(await listRegistered(storage, 'first', 'subagent'), [registered]);
  assert.deepEqual(await listRegistered(storage, 'other', 'subagent'), []);
});

test('many names are read several at once and listed sorted', async () => {
  const names = [...'abcdefghijklmnopqrst'].map((last) => `agent-${last}`);
  for (const name of names) await registerSubagent(storage, 'many', { name, command: ['true'] });
  const counted = new LocalStorage({ root: folder });
  const most = mostReadAtOnce(counted);

  const listed = await listRegistered(counted, 'many', 'subagent');

  assert.deepEqual(
    listed.map(({ name }) => name),
    names,
  );
  assert.equal(most(), 16);
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
  assert.deepEqual(await listRegistered(storage, 'leak', 'subagent'), []);
});

test('a definition with an unknown field is refused', async () => {
  const definition = { name: 'edit', command: ['x'], comand: ['y'] };

  await assert.rejects(registerSubagent(storage, 'bad', definition), (error) => isAppError(error, 'invalid-input'));
});

test('a name record that was damaged is reported as such', async () => {
  await storage.putName({ namespace: 'damaged', type: 'subagent', name: 'edit' }, '{"digest":');

  await assert.rejects(resolveSubagent(storage, 'damaged', 'edit'), (error) => isAppError(error, 'state-corrupt'));
});

test('a pin leads to its content, whatever the name leads to by now', async () => {
  const old = await registerSubagent(storage, 'pins', { name: 'edit', command: ['old'] });
  await registerSubagent(storage, 'pins', { name: 'edit', command: ['new'] });

  const pinned = await resolveSubagent(storage, 'pins', `edit@${old.digest}`);

  assert.deepEqual(pinned.subagent.command, ['old']);
  assert.equal(pinned.digest, old.digest);
});

test('a pin to the content of another name, to nothing, or to something else is refused', async () => {
  const other = await registerSubagent(storage, 'odd-pins', { name: 'other', command: ['x'] });
  const text = await storage.putBlob(Buffer.from('no definition'));
  const resolve = (pin: string) => resolveSubagent(storage, 'odd-pins', pin);

  await assert.rejects(resolve(`edit@${other.digest}`), (error) => isAppError(error, 'unknown-name'));
  await assert.rejects(resolve(`edit@sha256:${'0'.repeat(64)}`), (error) => isAppError(error, 'not-found'));
  await assert.rejects(resolve(`edit@${text.digest}`), (error) => isAppError(error, 'state-corrupt'));
  for (const pin of ['', 'edit@', 'edit@sha256:0', '@sha256:0', 'edit@latest', 'edit ', 'a/b']) {
    await assert.rejects(resolve(pin), (error) => isAppError(error, 'invalid-input'));
  }
});

test('removing forgets the name and keeps the content for what is pinned to it', async () => {
  const { digest } = await registerSubagent(storage, 'gone', { name: 'edit', command: ['x'] });

  await removeRegistered(storage, 'gone', 'subagent', 'edit');

  await assert.rejects(resolveSubagent(storage, 'gone', 'edit'), (error) => isAppError(error, 'unknown-name'));
  assert.equal((await resolveSubagent(storage, 'gone', `edit@${digest}`)).digest, digest);
  await assert.rejects(removeRegistered(storage, 'gone', 'subagent', 'edit'), (error) =>
    isAppError(error, 'unknown-name'),
  );
});

test('a misspelt name is told with the one that was meant', async () => {
  await registerSubagent(storage, 'near', { name: 'code-edit', command: ['x'] });

  await assert.rejects(resolveSubagent(storage, 'near', 'code-edt'), /did you mean "code-edit"/);
});

test('a template that can never be filled in, and a command without a program, are refused when they are registered', async () => {
  const wrong: readonly (readonly [GivenSubagent, RegExp])[] = [
    [{ name: 'x', command: ['echo', '{{#a}}'] }, /subagent "x": command\[1\]: is no template: Unclosed section "a"/],
    [{ name: 'x', promptTemplate: 'do {{a' }, /promptTemplate: is no template: Unclosed tag/],
    [{ name: 'x', command: ['{{> other}}'] }, /command\[0\]: is no template: partials such as "other" are not known/],
    [{ name: 'x', command: [''] }, /command: names no program/],
  ];
  for (const [given, says] of wrong) {
    await assert.rejects(registerSubagent(storage, 'test', given), (error) => {
      assert.ok(isAppError(error, 'invalid-input'));
      assert.match(error.message, says);
      return true;
    });
  }
});
