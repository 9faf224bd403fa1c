import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { extract } from 'tar-stream';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from '../storage/local.ts';
import { registerCapability, resolveCapability } from './capabilities.ts';
import type { CapabilityFile } from './capability-files.ts';
import { buildOverlay } from './overlay.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-overlay-'));
after(() => rm(root, { recursive: true, force: true }));
const storage = new LocalStorage({ root });

async function aCapability(name: string, files: Readonly<Record<string, CapabilityFile>>) {
  const { digest } = await registerCapability({ storage, namespace: 'test' }, { name, files });
  return resolveCapability(storage, 'test', `${name}@${digest}`);
}

async function laidOut(...capabilities: Awaited<ReturnType<typeof aCapability>>[]) {
  const overlay = await buildOverlay(storage, capabilities);
  assert.ok(overlay);
  const entries = extract();
  entries.end(await buffer(storage.getBlob(overlay.tar.digest)));
  const files: Record<string, string> = {};
  const modes: Record<string, number> = {};
  for await (const entry of entries) {
    modes[entry.header.name] = entry.header.mode ?? 0;
    files[entry.header.name] = await text(entry);
  }
  return { files, modes, overlay };
}

const script = (content: string) => ({
  isExecutable: true,
  open: async function* () {
    yield Buffer.from(content);
  },
});

test('of two files of one path the later capability wins', async () => {
  const first = await aCapability('first', { shared: 'one', own: 'kept' });
  const second = await aCapability('second', { shared: 'two', run: script('true') });

  const { files, modes } = await laidOut(first, second);

  assert.deepEqual(files, { own: 'kept', run: 'true', shared: 'two' });
  assert.deepEqual(modes, { own: 0o644, run: 0o755, shared: 0o644 });
});

test('each setup script has its place, in the order of the capabilities', async () => {
  const first = await aCapability('first', { 'agora-setup.sh': 'echo one', 'deep/agora-setup.sh': 'no setup' });
  const none = await aCapability('none', { a: 'a' });
  const second = await aCapability('second', { 'agora-setup.sh': 'echo two' });

  const { files, overlay } = await laidOut(second, none, first);

  assert.deepEqual(overlay.setup, [
    { capability: 'second', path: '.agora/setup/01-second.sh' },
    { capability: 'first', path: '.agora/setup/03-first.sh' },
  ]);
  assert.deepEqual(files, {
    '.agora/setup/01-second.sh': 'echo two',
    '.agora/setup/03-first.sh': 'echo one',
    a: 'a',
    'deep/agora-setup.sh': 'no setup',
  });
});

test('the same capabilities are the same bytes, long and foreign names too', async () => {
  const name = `${'long/'.repeat(40)}日本`;
  const one = await aCapability('one', { [name]: 'x', b: '' });

  const { files, overlay } = await laidOut(one);
  const again = await buildOverlay(storage, [one]);

  assert.deepEqual(files, { b: '', [name]: 'x' });
  assert.deepEqual(again, overlay);
});

test('settings are merged: objects deeply, lists united, single values by the later', async () => {
  const path = '.claude/settings.json';
  const one = await aCapability('one', {
    [path]: '{"permissions":{"allow":["Read","Edit"]},"model":"a","env":{"A":"1"}}',
  });
  const two = await aCapability('two', { [path]: '{"permissions":{"allow":["Edit","Bash"],"deny":[]},"model":"b"}' });

  const { files } = await laidOut(one, two);

  assert.deepEqual(JSON.parse(files[path] ?? ''), {
    permissions: { allow: ['Read', 'Edit', 'Bash'], deny: [] },
    model: 'b',
    env: { A: '1' },
  });
});

test('settings that cannot be merged name the capability and the place', async () => {
  const path = '.claude/settings.json';
  const list = await aCapability('list', { [path]: '{"permissions":{"allow":["Read"]}}' });
  const odd = { text: '{"permissions":{"allow":"Read"}}', broken: '{"a":1,}', array: '[]' };

  for (const [name, content] of Object.entries(odd)) {
    const other = await aCapability(name, { [path]: content });
    await assert.rejects(buildOverlay(storage, [list, other]), (error) => {
      return isAppError(error, 'invalid-input') && error.message.includes(`capability "${name}"`);
    });
  }
});

test('a path that one capability holds as a file and another as a folder is refused', async () => {
  const file = await aCapability('file', { a: 'x' });
  const folder = await aCapability('folder', { 'a/b': 'x' });

  await assert.rejects(buildOverlay(storage, [file, folder]), /"a" is both a file and a folder/);
});

test('no capabilities are no overlay', async () => {
  assert.equal(await buildOverlay(storage, []), undefined);
});

test('a key every object has is merged as any other, and one that is no key is refused', async () => {
  const path = '.claude/settings.json';
  const one = await aCapability('one', { [path]: '{"constructor":{"y":[1]}}' });
  const two = await aCapability('two', { [path]: '{"constructor":{"y":[2]}}' });
  const odd = await aCapability('odd', { [path]: '{"__proto__":{"x":1}}' });

  const { files } = await laidOut(one, two);

  assert.deepEqual(JSON.parse(files[path] ?? ''), { constructor: { y: [1, 2] } });
  await assert.rejects(buildOverlay(storage, [one, odd]), (error) => isAppError(error, 'invalid-input'));
});
