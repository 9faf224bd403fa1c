import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFanout, watchLines } from '../support/fanout.ts';
import { emptyProject, exampleProject, type Project } from '../support/project.ts';

const fiveLines = `import { defineConfig } from 'agora-offload';
const subagents = { 'code-edit': { command: ['node', 'code-edit.mjs', '{{file}}'] }, verify: { command: ['node', 'verify.mjs'] } };
export default defineConfig({
  subagents, queues: { default: { concurrency: 2 } }, source: '.', enforceLocks: true,
});
`;

test("importing the example's config, and reading with it, creates nothing", async (t) => {
  const project = await exampleProject(t, 'process');
  const names = async () => (await readdir(project.folder)).filter((name) => name !== '.cache');
  const before = await names();

  const validated = await project.agora(['orch', 'validate', 'plan.json']);
  const runs = await project.agora(['orch', 'runs']);

  assert.deepEqual([validated.code, runs.code, runs.stdout], [0, 0, '']);
  assert.deepEqual(await names(), before);
});

test('a TypeScript config of five lines runs the same plan', async (t) => {
  const project = await exampleProject(t, 'process');
  await rm(join(project.folder, 'agora.config.mjs'));
  await writeConfig(project, 'agora.config.ts', fiveLines);

  await project.serve();
  const submitted = await project.agora(['orch', 'submit', 'plan.json']);
  const watched = await project.agora(['orch', 'watch', 'fanout-1', '--config', project.folder]);

  assert.equal(submitted.stdout, 'fanout-1\n', submitted.stderr);
  assert.equal(watched.code, 0, watched.stderr);
  assertFanout(watchLines(watched.stdout));
});

test('a config in an empty directory gets agora-offload and dockerode from the running CLI', async (t) => {
  const project = await emptyProject(t, 'process');
  await writeConfig(
    project,
    'agora.config.mjs',
    `import { defineConfig } from 'agora-offload';
import Docker from 'dockerode';
if (typeof Docker !== 'function') throw new Error('this is not dockerode');
export default defineConfig({ subagents: { ok: { command: ['true'] } } });`,
  );
  await project.writePlan({ id: 'r', items: [{ id: 'a', inputs: { subagent: 'ok' } }] });

  const validated = await project.agora(['orch', 'validate', 'plan.json']);

  assert.deepEqual([validated.code, validated.stdout, validated.stderr], [0, '{"valid":true,"items":1}\n', '']);
  assert.equal(existsSync(join(project.folder, '.agora')), false);
});

test('a config that cannot be used is an error that names the file and what to do', async (t) => {
  const project = await emptyProject(t, 'process');
  const path = join(project.folder, 'agora.config.mjs');
  await project.writePlan({ id: 'r', items: [{ id: 'a' }] });
  const refusals: readonly (readonly [string, readonly RegExp[]])[] = [
    [
      'export const client = {}; export default client;',
      [/no "orch" export, it exports "client", "default"/, /next: .*defineConfig/],
    ],
    ['export const a = 1;\nexport const b = [1, };\n', [/agora\.config\.mjs:2": Unexpected token/]],
    ['\n\nthrow new Error("not today");', [/agora\.config\.mjs:3": not today/]],
    ['import "not-a-package";', [/Cannot load config .*not-a-package/]],
    [
      `import { defineConfig } from 'agora-offload';\nexport default defineConfig({ queues: { default: { concurrency: 0 } } });`,
      [/agora\.config\.mjs": "queues\.default\.concurrency": must be at least 1/],
    ],
  ];

  for (const [text, says] of refusals) {
    await writeConfig(project, 'agora.config.mjs', text);
    for (const words of [
      ['orch', 'submit', 'plan.json'],
      ['orch', 'serve'],
    ]) {
      const refused = await project.agora(words);
      assert.deepEqual([refused.code, refused.stdout], [2, ''], refused.stderr);
      for (const expected of says) assert.match(refused.stderr, expected);
      assert.doesNotMatch(refused.stderr, /\n {4}at /);
    }
  }
  await rm(path);
  const named = await project.agora(['orch', 'runs', '--config', 'gone.mjs']);
  assert.equal(named.code, 2);
  assert.match(named.stderr, /Cannot use config ".*gone\.mjs" \(from --config\): there is no such file/);
  assert.equal(existsSync(join(project.folder, '.agora')), false);
});

test('without a config the defaults serve, and say so once', async (t) => {
  const project = await emptyProject(t, 'process');

  const serving = await project.serve();
  const runs = await project.agora(['orch', 'runs']);

  const said = `agora: no config found, using the defaults with state in ${join(project.folder, '.agora')}\n`;
  assert.equal(runs.code, 0);
  for (const talk of [runs.stderr, serving.stderr()]) assert.equal(talk.split(said).length, 2, talk);
});

function writeConfig(project: Project, name: string, text: string): Promise<void> {
  return writeFile(join(project.folder, name), text);
}
