import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { pack } from 'tar-stream';
import { AppError } from '../contracts/errors.ts';
import type { OpenableSpec, OpenedSource } from '../session/session-desk.ts';
import { packCopy } from './copy-pack.ts';
import { tarEntries } from './copy-session.ts';
import { unpackCopy } from './copy-unpack.ts';
import { hostCp } from './host-cp.ts';
import { aSessionPlace, declareWeb } from './session-place.suite.ts';

/** A workspace whose root is a folder of this machine. */
async function aCopyPlace(t: TestContext) {
  const place = await mkdtemp(join(tmpdir(), 'agora-cp-'));
  t.after(() => rm(place, { recursive: true, force: true }));
  const [root, here] = [join(place, 'root'), join(place, 'here')];
  await mkdir(root);
  await mkdir(here);
  const { type, server } = await aSessionPlace(t, (spec) => openCopy(root, spec));
  await declareWeb(server);
  const copy = (...typed: string[]) => type(hostCp, typed, { cwd: here });
  return { root, here, type, copy };
}

function openCopy(root: string, spec: OpenableSpec): OpenedSource {
  assert.ok(spec.kind === 'copy-in' || spec.kind === 'copy-out');
  const input = new Readable({ read: () => undefined });
  const path = join(root, spec.path);
  const tar = spec.kind === 'copy-out' ? copiedOut(path) : copiedIn(path, input);
  return {
    isTerminal: false,
    readsOn: false,
    source: {
      output: tar,
      write: async (bytes) => void input.push(bytes),
      endInput: async () => void input.push(null),
      resize: async () => {},
      signal: async () => {},
      exit: async () => undefined,
      close: () => void input.destroy(),
    },
  };
}

async function* copiedOut(path: string) {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) throw new AppError('not-found', `Cannot read "${path}"`);
  for await (const bytes of packCopy(path, { name: basename(path) })) yield { channel: 'output' as const, bytes };
}

/** As an engine does it: entries lie in the folder by their whole names. */
async function* copiedIn(folder: string, input: Readable) {
  const whole = pack();
  whole.entry({ name: '/', type: 'directory' });
  for await (const { header, content } of tarEntries(input)) {
    const bytes = await buffer(content);
    if (header.type === 'file') whole.entry(header, bytes);
    else whole.entry(header);
  }
  whole.finalize();
  // An engine's own words for a folder that is not there.
  if (!existsSync(folder)) throw new AppError('not-found', 'Cannot hand files to container "web"');
  await unpackCopy(tarEntries(whole as AsyncIterable<Uint8Array>), { folder, name: '' });
  yield* [];
}

test('a file comes out under the name that is given, or into the folder that is', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  await writeFile(join(root, 'a'), 'one');
  await chmod(join(root, 'a'), 0o751);
  await mkdir(join(here, 'there'));

  for (const target of ['b', 'there', '.']) {
    assert.deepEqual(await copy('box/web:/a', target).ended, { code: 0, stdout: '', stderr: '' });
  }

  const names = await readdir(here, { recursive: true });
  assert.deepEqual(names.sort(), ['a', 'b', 'there', 'there/a']);
  assert.equal(await readFile(join(here, 'b'), 'utf8'), 'one');
  assert.equal((await stat(join(here, 'b'))).mode & 0o777, 0o751);
});

test('a folder goes in, and what is in one', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  await mkdir(join(here, 'd/sub'), { recursive: true });
  await writeFile(join(here, 'd/sub/large'), Buffer.alloc(3_000_000, 'x'));
  await writeFile(join(here, 'd/empty'), '');
  await mkdir(join(root, 'srv'));

  assert.equal((await copy('d', 'box/web:/srv').ended).code, 0);
  assert.equal((await copy('d/.', 'box/web:/srv').ended).code, 0);
  assert.equal((await copy('d', 'box/web:new').ended).code, 0);

  const tree = ['empty', 'sub', 'sub/large'];
  const expected = [...tree.map((name) => `new/${name}`), ...tree.map((name) => `srv/${name}`)];
  const all = ['new', 'srv', 'srv/d', ...expected, ...tree.map((name) => `srv/d/${name}`)];
  assert.deepEqual((await readdir(root, { recursive: true })).sort(), all.sort());
  assert.equal((await stat(join(root, 'new/sub/large'))).size, 3_000_000);
});

test('a link to a folder goes in as a link, and as the folder where / or /. follows it', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  await mkdir(join(here, 'v1'));
  await writeFile(join(here, 'v1/a'), 'one');
  await symlink('v1', join(here, 'current'));
  for (const folder of ['content', 'folder']) await mkdir(join(root, folder));

  for (const [from, to] of [
    ['current', '/link'],
    ['current/', '/new'],
    ['current/.', '/newer'],
    ['current/.', '/content'],
    ['current/', '/folder'],
  ] as const) {
    assert.deepEqual(await copy(from, `box/web:${to}`).ended, { code: 0, stdout: '', stderr: '' });
  }

  assert.equal(await readlink(join(root, 'link')), 'v1');
  for (const folder of ['new', 'newer', 'content', 'folder/current']) {
    assert.equal(await readFile(join(root, folder, 'a'), 'utf8'), 'one', folder);
  }
});

test('- is a tar, out and in', async (t) => {
  const { root, here, type, copy } = await aCopyPlace(t);
  await mkdir(join(root, 'd'));
  await writeFile(join(root, 'd/a'), 'one');

  const out = copy('box/web:/d', '-');
  assert.equal((await out.ended).code, 0);
  const back = type(hostCp, ['-', 'box/web:/d'], { cwd: here, stdin: Readable.from([out.bytes()]) });

  assert.deepEqual(await back.ended, { code: 0, stdout: '', stderr: '' });
  assert.deepEqual((await readdir(root, { recursive: true })).sort(), ['d', 'd/a', 'd/d', 'd/d/a']);
});

test('sockets, and links that lead outside, are left out of what goes in, and told', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  await mkdir(join(root, 'srv'));
  await mkdir(join(here, 'd/sub'), { recursive: true });
  await writeFile(join(here, 'd/a'), 'one');
  await symlink('../a', join(here, 'd/sub/up'));
  await symlink('../../../out', join(here, 'd/sub/out'));
  const socket = createServer().listen(join(here, 'd/socket'));
  t.after(() => socket.close());

  const { code, stderr } = await copy('d', 'box/web:/srv').ended;

  const told = stderr.trimEnd().split('\n');
  assert.equal(code, 1);
  assert.deepEqual(told.sort(), [
    'agora: left out d/socket: it is a socket',
    'agora: left out d/sub/out: it leads outside, to ../../../out',
  ]);
  const names = await readdir(join(root, 'srv/d'), { recursive: true });
  assert.deepEqual(names.sort(), ['a', 'sub', 'sub/up']);
});

test('a link to a file here stays one, and what is no file is not replaced', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  for (const name of ['file', 'socket']) await writeFile(join(root, name), 'new');
  await writeFile(join(here, 'real'), 'old');
  await symlink('real', join(here, 'link'));
  await symlink('socket', join(here, 'to-socket'));
  const socket = createServer().listen(join(here, 'socket'));
  t.after(() => socket.close());

  assert.equal((await copy('box/web:/file', 'link').ended).code, 0);
  assert.deepEqual([await readlink(join(here, 'link')), await readFile(join(here, 'real'), 'utf8')], ['real', 'new']);
  for (const target of ['socket', 'to-socket', '.']) {
    const { code, stderr } = await copy('box/web:/socket', target).ended;
    assert.equal(code, 1, target);
    assert.match(stderr, /Cannot copy to ".*": it is neither a file nor a/);
  }
  assert.ok((await stat(join(here, 'socket'))).isSocket());
});

test('what cannot be copied is told, and nothing is there half', async (t) => {
  const { root, here, copy } = await aCopyPlace(t);
  await writeFile(join(root, 'file'), 'x');
  await mkdir(join(here, 'dir'));
  const problem = async (...typed: string[]) => (await copy(...typed).ended).stderr;

  assert.match(await problem('box/web:/none', '.'), /"\/none": there is no such file or folder in box\/web/);
  assert.match(await problem('none', 'box/web:/'), /"none": there is no such file or folder/);
  assert.match(await problem('dir', 'box/web:/file'), /it is a file, and a folder is copied/);
  assert.match(await problem('box/web:/file', 'new/'), /there is no such folder/);
  assert.match(await problem('box/web:/file', 'none/new'), /there is no such folder/);
  assert.match(
    await problem('dir', 'box/web:/no ne/new'),
    /Cannot copy into "\/no ne": there is no such folder in box\/web[\s\S]*next: agora host exec box\/web mkdir -p '\/no ne'/,
  );
  assert.match(await problem('a', 'b'), /neither of them is HOST/);
  assert.match(await problem('box/web:a', 'box/web:b'), /one of them, and not both/);
  assert.match(await problem('', 'box/web:b'), /it is no path/);
  assert.deepEqual(await readdir(here), ['dir']);
});
