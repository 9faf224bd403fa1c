import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { contextEntries, contextProblem } from './context-entries.ts';

const dockerfile = 'Dockerfile';

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-entries-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  await writeFile(join(folder, dockerfile), 'FROM scratch\n');
  return folder;
}

/** As a user who may not read everything. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

test('links stay links, wherever they lead; pipes are left out and named', async (t) => {
  const folder = await aFolder(t);
  await symlink('/etc/passwd', join(folder, 'out'));
  await symlink('self', join(folder, 'self'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);

  assert.deepEqual(await contextEntries({ folder, dockerfile }), {
    entries: [
      { kind: 'file', path: dockerfile, sizeBytes: 13, isExecutable: false },
      { kind: 'link', path: 'out', target: '/etc/passwd' },
      { kind: 'link', path: 'self', target: 'self' },
    ],
    leftOut: ['pipe'],
  });
});

test('what may not be read is named, unless it is ignored', async (t) => {
  const folder = await aFolder(t);
  await mkdir(join(folder, 'src'));
  await mkdir(join(folder, 'src', 'private'), { mode: 0o000 });
  const look = () => unprivileged(() => contextEntries({ folder, dockerfile }));

  await assert.rejects(
    look(),
    (error) =>
      isAppError(error, 'invalid-input') &&
      error.message.includes('"src/private"') &&
      /\.dockerignore/.test(error.next ?? ''),
  );
  await writeFile(join(folder, '.dockerignore'), 'src/private\n');
  assert.equal((await look()).entries.length, 3);
});

test('a name that is no text is told', async (t) => {
  const folder = await aFolder(t);
  await writeFile(Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff])]), 'x');

  await assert.rejects(
    contextEntries({ folder, dockerfile }),
    (error) =>
      isAppError(error, 'invalid-input') &&
      /"bad\ufffd" of the build context: its name is not UTF-8/.test(error.message),
  );
});

test('what cannot be a context says why', async (t) => {
  const folder = await aFolder(t);
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'empty'), '');
  await symlink('../outside', join(folder, 'sub', 'nowhere'));
  await symlink('/etc/passwd', join(folder, 'sub', 'out'));
  await symlink(`../${dockerfile}`, join(folder, 'sub', 'within'));
  const problem = (dockerfile: string, place = folder) => contextProblem({ folder: place, dockerfile });

  assert.equal(await problem(dockerfile), undefined);
  assert.equal(await problem('sub/within'), undefined);
  assert.equal(await problem('other/Dockerfile'), 'there is no "other/Dockerfile" in it');
  assert.equal(await problem('sub'), 'its "sub" is no file');
  assert.equal(await problem('empty'), 'its "empty" is empty');
  assert.equal(await problem('sub/nowhere'), 'its "sub/nowhere" is a link that leads nowhere');
  assert.equal(await problem('sub/out'), 'its "sub/out" is a link that leads out of it');
  assert.equal(await problem('x', join(folder, dockerfile)), 'it is no folder');
  assert.equal(await problem('x', join(folder, 'no')), 'there is no such folder');
});
