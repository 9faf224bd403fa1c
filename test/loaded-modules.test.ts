import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { repositoryRoot } from './support/source-files.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-loaded-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs the CLI in an empty folder and returns what it loaded, relative to the repository. */
async function loadedBy(t: TestContext, ...words: string[]): Promise<{ stdout: string; modules: string[] }> {
  const list = join(folder, `${t.name.replaceAll(/\W+/g, '-')}.txt`);
  const preload = pathToFileURL(join(repositoryRoot, 'test', 'support', 'list-modules.mjs')).href;
  const program = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    preload,
    join(repositoryRoot, 'src/cli/bin.ts'),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...program, ...words], {
    cwd: folder,
    env: { ...process.env, LOADED_MODULES: list },
  });
  const root = pathToFileURL(`${repositoryRoot}/`).href;
  const modules = (await readFile(list, 'utf8')).split('\n').map((url) => url.replace(root, ''));
  const own = modules.filter((module) => module.startsWith('src/'));
  t.diagnostic(`agora ${words.join(' ')} loads ${modules.length} modules, of ours: ${own.join(' ')}`);
  return { stdout, modules };
}

function packagesIn(modules: readonly string[]): string[] {
  const names = modules.flatMap((module) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1] ?? []);
  return [...new Set(names)].sort();
}

test('--help loads no package at all, and none of the commands', async (t) => {
  const { stdout, modules } = await loadedBy(t, '--help');

  assert.match(stdout, /orch submit/);
  assert.ok(modules.includes('src/cli/main.ts'));
  assert.deepEqual(packagesIn(modules), []);
  assert.ok(!modules.some((module) => module.startsWith('src/cli/orch-')));
});

test('completing a command loads no package at all', async (t) => {
  const { stdout, modules } = await loadedBy(t, 'complete', '--', 'host', 'at');

  assert.equal(stdout, 'attach\n');
  assert.deepEqual(packagesIn(modules), []);
});

test('submitting a plan loads neither a Docker client nor a bundler', async (t) => {
  const plan = { id: 'run-1', items: [{ id: 'a', inputs: { subagent: 'noop' } }] };
  const config = [
    "import { defineConfig } from 'agora-offload';",
    "export default defineConfig({ subagents: { noop: { command: ['true'] } } });",
  ];
  await writeFile(join(folder, 'plan.json'), JSON.stringify(plan));
  await writeFile(join(folder, 'agora.config.mjs'), config.join('\n'));

  const { stdout, modules } = await loadedBy(t, 'orch', 'submit', 'plan.json');

  assert.equal(stdout, 'run-1\n');
  assert.ok(modules.includes('src/cli/orch-submit.ts'));
  const packages = packagesIn(modules);
  for (const heavy of ['dockerode', 'docker-modem', 'ssh2', 'esbuild']) assert.ok(!packages.includes(heavy), heavy);
});
