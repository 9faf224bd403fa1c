import assert from 'node:assert/strict';
import { chmod, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runIdSchema } from '../../src/contracts/ids.ts';
import { aFolder, aRepository, git } from '../support/foreign-folder.ts';
import { emptyProject, type Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { intactBundle } from '../support/shell-project.ts';
import { type TypedCommand, typed } from '../support/typed-session.ts';

/** A monorepo whose names are not tame. */
const monorepo = {
  'package.json': '{ "name": "shop", "scripts": { "test": "node --test" }, "workspaces": ["packages/*"] }',
  'packages/web app/package.json': '{ "scripts": { "build": "vite build" } }',
  'packages/web app/src/in `dex`.ts': 'export const a = 1; // TODO: a | b\n',
  'packages/api/main.go': 'package main\n// FIXME later\n',
  'tools/run.sh': '#!/bin/sh\n',
  '.gitignore': 'node_modules\n*.log',
};

/** Whose rules hide whatever they do not list. */
const strict = {
  Makefile: 'all:\n\techo\ntest: all\n',
  'src/main.rs': 'fn main() {} // HACK\n',
  '.gitignore': '*\n!/.gitignore\n!/src/\n!/src/**\n!/Makefile\n',
};

const places = await providerPlaces();

for (const { name, compute, skip } of places) {
  describe(`on ${name}`, { skip }, () => {
    test('in a monorepo, from a folder of it: the plan runs as it is and its patches land on a branch', async (t) => {
      const project = await aRepository(t, compute, monorepo);
      await git(project, 'add', '.');
      await git(project, 'commit', '-qm', 'start');

      const init = await project.shell("cd 'packages/web app' && agora init");
      assert.equal(init.code, 0, init.stderr);
      const said = await typed(project, [
        ...commandsOf(init.stderr, "cd '../..'"),
        'agora orch audit "$(agora orch runs | cut -f1 | head -1)" >bundle.json; rm bundle.json',
        'kill %1',
      ]);

      assertAllDone(said);
      assert.match(
        init.stderr,
        /root of this repository\)\n {2}6 files: .*TypeScript \(1\).*\n {2}built by package\.json, /,
      );
      assert.match(said.map(({ stdout }) => stdout).join(''), /applied INVENTORY\.md\napplied OPEN-TASKS\.md/);
      assert.deepEqual(await statusOf(project), [
        ' M .gitignore',
        '?? INVENTORY.md',
        '?? OPEN-TASKS.md',
        '?? agora-tasks.mjs',
        '?? agora.config.mjs',
        '?? plan.json',
      ]);
      assert.match((await git(project, 'branch', '--show-current')).trim(), /^agora\/agora-project-\w+-1$/);
      assert.equal(await project.read('.gitignore'), 'node_modules\n*.log\n.agora/\n');
      const inventory = await project.read('INVENTORY.md');
      assert.match(inventory, /^\| `packages\/` \| TypeScript \| 1 \| 1 \|$/m);
      assert.match(inventory, /^- `packages\/web app\/package\.json`: `npm run build`$/m);
      assert.match(await project.read('OPEN-TASKS.md'), /^- `` packages\/web app\/src\/in `dex`\.ts:1 `` /m);
      await intactBundle(project, runIdSchema.parse(await runIdOf(project)));
    });
  });
}

const place = places.find(({ skip }) => skip === false);

test('without a commit and where everything else is ignored it runs too, and once more', {
  skip: place === undefined,
}, async (t) => {
  const project = await aRepository(t, place?.compute ?? 'process', strict);

  const init = await project.agora(['init']);
  const again = 'agora orch submit plan.json --id again && agora orch watch again';
  const said = await typed(project, [...commandsOf(init.stderr), again, 'kill %1']);

  assert.equal(init.code, 0, init.stderr);
  // The second time its files are there already, with the words it looks for.
  assertAllDone(said);
  assert.match(await project.read('INVENTORY.md'), /`make all`, `make test`/);
  assert.match(await project.read('OPEN-TASKS.md'), /`src\/main\.rs:1`/);
  const ignored = await git(project, 'status', '--porcelain', '--ignored');
  assert.deepEqual(ignored.match(/^!! .*/gm), ['!! .agora/']);
});

test('with a link out of it that nobody tracks, and a branch named agora, it runs too', {
  skip: place === undefined,
}, async (t) => {
  const project = await aRepository(t, place?.compute ?? 'process', {
    'pyproject.toml': '[project]\nname = "p"\n',
    'p.py': 'print(1)  # TODO\n',
    'env*/bin/pip': '',
  });
  await git(project, 'add', 'pyproject.toml', 'p.py');
  await git(project, 'commit', '-qm', 'start');
  await git(project, 'branch', 'agora');
  await symlink('/usr/bin/env', join(project.folder, 'env*', 'bin', 'python'));

  const init = await project.agora(['init']);
  const said = await typed(project, [...commandsOf(init.stderr), 'kill %1']);

  assert.equal(init.code, 0, init.stderr);
  assert.match(init.stderr, /env\*\/bin\/python is a link that leads out of it, so it is ignored/);
  assert.equal(await project.read('.gitignore'), '.agora/\n/env\\*/bin/python\n');
  assertAllDone(said);
  assert.match(await project.read('OPEN-TASKS.md'), /`p\.py:1`/);
  assert.match(await git(project, 'branch', '--show-current'), /^agora-agora-project-\w+-1$/m);
});

test('in a plain folder it runs as well, from the part of it that can be taken', {
  skip: place === undefined,
}, async (t) => {
  const project = await aFolder(t, place?.compute ?? 'process', { 'notes/a.py': '# TODO\n', 'other/b': 'x\n' });
  await symlink('/etc/hosts', join(project.folder, 'other', 'hosts'));

  const init = await project.agora(['init', '.']);
  const said = await typed(project, [...commandsOf(init.stderr), 'kill %1']);

  assert.equal(init.code, 0, init.stderr);
  assert.match(init.stderr, /so runs start from "notes"/);
  assertAllDone(said);
  assert.match(await project.read('notes/OPEN-TASKS.md'), /`a\.py:1`/);
});

test('a second time it finds its files and changes none; --force replaces what was edited', async (t) => {
  const project = await aRepository(t, 'process', { 'a.js': '1\n' });

  const [first, second] = [await project.agora(['init']), await project.agora(['init'])];
  await writeFile(join(project.folder, 'plan.json'), 'mine');
  const third = await project.agora(['init']);
  const mine = await project.read('plan.json');
  const forced = await project.agora(['init', '--force']);

  assert.deepEqual(
    [first, second, third, forced].map(({ code }) => code),
    [0, 0, 2, 0],
  );
  assert.equal(first.stdout.match(/^wrote /gm)?.length, 3);
  assert.equal(second.stdout.match(/is there already, and the same$/gm)?.length, 3);
  assert.match(third.stderr, /plan\.json is there already; nothing was changed\n {2}next: agora init --force/);
  assert.equal(mine, 'mine');
  assert.match(forced.stdout, /^wrote plan\.json$/m);
  assert.equal(JSON.parse(await project.read('plan.json')).items.length, 3);
});

test('several at once leave whole files', async (t) => {
  const project = await aRepository(t, 'process', { 'a.js': '1\n' });

  const all = await Promise.all(Array.from({ length: 4 }, () => project.agora(['init'])));

  assert.deepEqual(new Set(all.map(({ code }) => code)), new Set([0]));
  assert.deepEqual(await statusOf(project), [
    '?? .gitignore',
    '?? a.js',
    '?? agora-tasks.mjs',
    '?? agora.config.mjs',
    '?? plan.json',
  ]);
  assert.equal((await project.agora(['orch', 'validate', 'plan.json'])).code, 0);
});

const refusals = {
  'a config of another kind': [{ 'agora.config.ts': '' }, /agora\.config\.ts is there already/],
  'a plan that is somebody else’s': [{ 'plan.json': '{}' }, /plan\.json is there already/],
  'a folder by the name of a file': [{ 'plan.json/x': '' }, /plan\.json is a folder there/],
} as const;

for (const [what, [files, message]] of Object.entries(refusals)) {
  test(`beside ${what} nothing is written`, async (t) => {
    const project = await aRepository(t, 'process', files);
    const before = await readdir(project.folder, { recursive: true });

    const words = what.startsWith('a plan') ? ['init'] : ['init', '--force'];
    const { code, stdout, stderr } = await project.agora(words);

    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, message);
    assert.deepEqual(await readdir(project.folder, { recursive: true }), before);
  });
}

test('a bare repository, the inside of .git and a whole home folder are refused', async (t) => {
  const project = await emptyProject(t, 'process');
  await git(project, 'init', '-q', '--bare', 'bare.git');
  await git(project, 'init', '-q', 'clone');

  const refused = [
    await project.agora(['init', 'bare.git']),
    await project.agora(['init', 'clone/.git']),
    await project.agora(['init']),
    await project.agora(['init', '/']),
  ];

  assert.deepEqual(
    refused.map(({ code, stdout }) => [code, stdout]),
    refused.map(() => [2, '']),
  );
  assert.match(refused[0]?.stderr ?? '', /it is a bare repository/);
  assert.match(refused[1]?.stderr ?? '', /the inside of a repository's \.git/);
  assert.match(refused[2]?.stderr ?? '', /it is your home folder/);
  assert.match(refused[3]?.stderr ?? '', /the root of the file system/);
});

test('where it may not write it says so and leaves nothing', { skip: process.getuid?.() !== 0 }, async (t) => {
  const project = await aRepository(t, 'process', { 'a.js': '1\n' });
  await chmod(project.folder, 0o755);

  // An ordinary user, to whom permissions apply.
  const agora = (await project.shell('command -v agora')).stdout.trim();
  const refused = await project.shell(`setpriv --reuid 65534 --regid 65534 --clear-groups '${agora}' init`);

  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /it may not be written to; nothing was changed/);
  assert.deepEqual((await readdir(project.folder)).sort(), ['.git', 'a.js']);
});

/** What the reader is told to type next. */
function commandsOf(stderr: string, way?: string): string[] {
  const commands =
    stderr
      .slice(stderr.indexOf('\nNext:\n'))
      .match(/^ {2}(.*)$/gm)
      ?.map((line) => line.trim()) ?? [];
  assert.equal(commands.length, way === undefined ? 3 : 4, stderr);
  // The session is in the folder already.
  return commands.filter((command) => !command.startsWith('cd '));
}

function assertAllDone(said: readonly TypedCommand[]): void {
  assert.deepEqual(
    said.filter(({ code }) => code !== 0),
    [],
  );
}

async function statusOf(project: Project): Promise<string[]> {
  return (await git(project, 'status', '--porcelain')).trimEnd().split('\n');
}

async function runIdOf(project: Project): Promise<string> {
  return JSON.parse(await project.read('plan.json')).id;
}
