import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from '../storage/local.ts';
import { registerCapability, resolveCapability } from './capabilities.ts';
import { readCapabilityFolder } from './capability-folder.ts';
import { listRegistered } from './registered.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-capabilities-'));
after(() => rm(root, { recursive: true, force: true }));
const storage = new LocalStorage({ root: join(root, 'storage') });
const place = { storage, namespace: 'test' };

async function aFolder(name: string, files: Readonly<Record<string, string>> = { 'a.txt': 'a' }): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

test('a folder is registered with its bytes and what may be run of it', async () => {
  const folder = await aFolder('whole', { 'agora-setup.sh': 'true\n', 'docs/a.txt': 'text', 'docs/empty': '' });
  await chmod(join(folder, 'agora-setup.sh'), 0o700);
  await writeFile(join(folder, 'binary'), Uint8Array.of(0, 255, 10, 0));

  const registered = await registerCapability(place, { name: 'whole', files: await readCapabilityFolder(folder) });

  const { capability, digest } = await resolveCapability(storage, 'test', 'whole');
  assert.equal(digest, registered.digest);
  assert.deepEqual(
    capability.files.map(({ path, mode, sizeBytes }) => [path, mode, sizeBytes]),
    [
      ['agora-setup.sh', 0o755, 5],
      ['binary', 0o644, 4],
      ['docs/a.txt', 0o644, 4],
      ['docs/empty', 0o644, 0],
    ],
  );
  const binary = capability.files[1];
  assert.ok(binary);
  assert.deepEqual([...(await buffer(storage.getBlob(binary.digest)))], [0, 255, 10, 0]);
});

test('the same files are the same content, whatever the order they are given in', async () => {
  const one = await registerCapability(place, { name: 'same', files: { a: 'x', 'b/c': Buffer.from('y') } });
  const two = await registerCapability(place, { name: 'same', files: { 'b/c': 'y', a: 'x' } });
  const other = await registerCapability(place, { name: 'same', files: { a: 'x' } });
  const again = await registerCapability(place, { name: 'same', files: { a: 'x', 'b/c': 'y' } });

  assert.equal(one.digest, two.digest);
  assert.notEqual(one.digest, other.digest);
  assert.equal((await resolveCapability(storage, 'test', 'same')).digest, again.digest);
});

test('links, pipes and names that are not UTF-8 are refused with their place', async () => {
  const inside = await aFolder('inside');
  await symlink('a.txt', join(inside, 'link'));
  const outside = await aFolder('outside');
  await symlink('/etc', join(outside, 'etc'));
  const pipe = await aFolder('pipe');
  execFileSync('mkfifo', [join(pipe, 'deep.pipe')]);
  const latin = await aFolder('latin');
  await writeFile(Buffer.concat([Buffer.from(`${latin}/caf`), Uint8Array.of(0xe9)]), 'x');
  const git = await aFolder('git', { '.git/config': 'x' });
  const expected = {
    [inside]: /link.*link/,
    [outside]: /etc.*link/,
    [pipe]: /deep\.pipe.*neither/,
    [latin]: /UTF-8/,
    [git]: /\.git/,
  };

  for (const [folder, message] of Object.entries(expected)) {
    await assert.rejects(readCapabilityFolder(folder), (error) => {
      return isAppError(error, 'source-refused') && message.test(error.message);
    });
  }
});

test('no folder, a file, and a folder without files are told as such', async () => {
  const file = join(await aFolder('plain'), 'a.txt');
  const empty = await aFolder('empty', {});
  await mkdir(join(empty, 'inner'));

  await assert.rejects(readCapabilityFolder(join(root, 'nowhere')), /there is no such folder/);
  await assert.rejects(readCapabilityFolder(file), /it is not a folder/);
  const registering = registerCapability(place, { name: 'empty', files: await readCapabilityFolder(empty) });
  await assert.rejects(registering, (error) => isAppError(error, 'invalid-input') && /no files/.test(error.message));
});

test('a file that became a link after it was seen is not read', async () => {
  const folder = await aFolder('swapped');
  const files = await readCapabilityFolder(folder);
  await rm(join(folder, 'a.txt'));
  await symlink('/etc/passwd', join(folder, 'a.txt'));

  await assert.rejects(registerCapability(place, { name: 'swapped', files }));
  await assert.rejects(resolveCapability(storage, 'test', 'swapped'), (error) => isAppError(error, 'unknown-name'));
});

test('a credential in any file is refused with its file and line, and leaves no name', async () => {
  const token = `sk-ant-api03-${'a1'.repeat(12)}`;
  const folder = await aFolder('leaky', { 'docs/a.md': `one\ntwo ${token}\n`, 'b.bin': '\0\0' });

  await assert.rejects(
    registerCapability(place, { name: 'leaky', files: await readCapabilityFolder(folder) }),
    (error) => {
      assert.ok(isAppError(error, 'refused'));
      assert.match(error.message, /"docs\/a\.md" line 2 looks like an Anthropic key/);
      return !error.message.includes(token);
    },
  );
  assert.ok(!(await listRegistered(storage, 'test', 'capability')).some(({ name }) => name === 'leaky'));
});

test('every bad path is told at once', async () => {
  const files = { '../up': 'x', '/abs': 'x', 'a\\b': 'x', fine: 'x' };

  await assert.rejects(registerCapability(place, { name: 'paths', files }), (error) => {
    assert.ok(isAppError(error, 'invalid-input'));
    return (
      ['"../up"', '"/abs"', '"a\\\\b"'].every((path) => error.message.includes(path)) && !error.message.includes('fine')
    );
  });
});

test('more than 50 MiB is refused before it is read, and stopped where a size was wrong', async () => {
  const folder = await aFolder('large');
  await truncate(join(folder, 'a.txt'), 51 * 1024 * 1024);
  const files = await readCapabilityFolder(folder);
  let read = 0;
  const endless = {
    sizeBytes: 1,
    open: async function* () {
      for (; ; read += 1024 * 1024) yield Buffer.alloc(1024 * 1024);
    },
  };

  await assert.rejects(registerCapability(place, { name: 'large', files }), (error) =>
    isAppError(error, 'limit-exceeded'),
  );
  const registering = registerCapability(place, { name: 'large', files: { endless } });
  await assert.rejects(registering, (error) => isAppError(error, 'limit-exceeded'));
  assert.ok(read < 52 * 1024 * 1024);
  assert.deepEqual(await readdir(join(storage.root, 'tmp')), []);
});

test('processes and callers that register one name at once leave one of their contents', async () => {
  const contents = Array.from({ length: 8 }, (_, index) => ({ name: 'race', files: { a: `content ${index}` } }));

  const registered = await Promise.all(contents.map((given) => registerCapability(place, given)));

  const { digest } = await resolveCapability(storage, 'test', 'race');
  assert.ok(registered.some((each) => each.digest === digest));
});

test('a path that looks like a credential is refused', async () => {
  await assert.rejects(
    registerCapability(place, { name: 'path', files: { [`keys/AKIA${'ABCDEFGHIJKLMNOP'}`]: 'x' } }),
    (error) => isAppError(error, 'refused') && error.message.includes('files[0] looks like an AWS access key id'),
  );
});

test('what goes away or may not be read between the look and the reading is told with its place', async () => {
  const folder = await aFolder('moving', { 'a.txt': 'a', 'b.txt': 'b' });
  const files = await readCapabilityFolder(folder);
  await rm(join(folder, 'b.txt'));

  const gone = registerCapability(place, { name: 'moving', files });
  await assert.rejects(gone, (error) => {
    assert.ok(isAppError(error, 'source-refused'));
    assert.match(error.message, /moving\/b\.txt" into a capability: it is not there any more/);
    return true;
  });

  await symlink('/etc/hosts', join(folder, 'b.txt'));
  await assert.rejects(registerCapability(place, { name: 'moving', files }), /it is a link by now/);
});
