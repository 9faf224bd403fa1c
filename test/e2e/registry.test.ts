import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { emptyProject, type Project } from '../support/project.ts';

/** A project with the folder of the first-dispatch tutorial. */
async function aProject(t: TestContext): Promise<Project> {
  const project = await emptyProject(t, 'process');
  const folder = join(project.folder, 'caps', 'hello-cap');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'agora-setup.sh'), 'echo ready\n');
  await chmod(join(folder, 'agora-setup.sh'), 0o755);
  await writeFile(join(folder, 'hello.txt'), 'hello\n');
  return project;
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('what the first dispatch needs is registered as the tutorial types it', async (t) => {
  const project = await aProject(t);
  project.env['ANTHROPIC_API_KEY'] = 'not-a-real-key';

  const typed = await project.shell(`
    agora capabilities register --name hello-cap --from caps/hello-cap &&
    agora subagent register --name greeter --system-prompt "Say hi and exit." --capability hello-cap &&
    agora env register --name minimal --value LOG_LEVEL=info --secret ANTHROPIC_API_KEY=inline:$ANTHROPIC_API_KEY &&
    agora env get minimal`);

  assert.equal(typed.code, 0, typed.stderr);
  assert.doesNotMatch(typed.stdout + typed.stderr, /not-a-real-key/);
  const lines = typed.stdout.split('\n');
  assert.deepEqual(
    jsonLines(lines.slice(0, 3).join('\n')).map(({ name }) => name),
    ['hello-cap', 'greeter', 'minimal'],
  );
  const { env } = JSON.parse(lines.slice(3).join('\n'));
  assert.deepEqual(env.values, { LOG_LEVEL: 'info' });
  assert.match(env.secrets.ANTHROPIC_API_KEY, /^local-secret:\/\//);
});

test('a variable that is not set is told by its name, and nothing is registered', async (t) => {
  const project = await aProject(t);

  const typed = await project.shell(
    'agora env register --name minimal --secret ANTHROPIC_API_KEY=inline:$ANTHROPIC_API_KEY',
  );

  assert.equal(typed.code, 2);
  assert.match(typed.stderr, /secret ANTHROPIC_API_KEY is empty/);
  assert.match(typed.stderr, /next: .*\$ANTHROPIC_API_KEY.* not set/);
  assert.equal((await project.agora(['env', 'list'])).stdout, '');
});

test('a secret can come on standard input, and is in no file of the registry', async (t) => {
  const project = await aProject(t);

  const typed = await project.agora(
    ['env', 'register', '--name', 'minimal', '--secret', 'KEY=stdin:'],
    'hidden-value\n',
  );

  assert.equal(typed.code, 0, typed.stderr);
  const state = join(project.folder, '.agora');
  const entries = await readdir(state, { recursive: true, withFileTypes: true });
  const holding: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    if ((await readFile(join(entry.parentPath, entry.name), 'utf8')).includes('hidden-value'))
      holding.push(entry.parentPath);
  }
  assert.deepEqual(holding, [join(state, 'secrets')]);
});

test('what is piped in as a secret and is no text is refused, not turned into something else', async (t) => {
  const project = await aProject(t);

  const typed = await project.shell("printf '\\377\\376' | agora env register --name minimal --secret KEY=stdin:");

  assert.equal(typed.code, 2);
  assert.match(typed.stderr, /secret KEY on stdin is not UTF-8/);
  assert.equal((await project.agora(['env', 'list'])).stdout, '');
});

test('a file that may not be read is told by its name', { skip: process.getuid?.() !== 0 }, async (t) => {
  const project = await aProject(t);
  await chmod(project.folder, 0o777);
  await chmod(join(project.folder, 'caps', 'hello-cap', 'hello.txt'), 0o600);

  // An ordinary user, to whom permissions apply.
  const agora = (await project.shell('command -v agora')).stdout.trim();
  const words = 'capabilities register --name hello-cap --from caps/hello-cap';
  const refused = await project.shell(`setpriv --reuid 65534 --regid 65534 --clear-groups '${agora}' ${words}`);

  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /hello\.txt" into a capability: it may not be read\n/);
  assert.doesNotMatch(refused.stderr, /defect of agora/);
});

test('no message repeats a secret that was typed the wrong way', async (t) => {
  const project = await aProject(t);
  const wrong = [
    ['env', 'register', '--name', 'x', '--secret', 'KEY=hidden-value'],
    ['env', 'register', '--name', 'x', '--secret', 'hidden-value'],
    ['env', 'register', '--name', 'x', '--secret', 'A KEY=inline:hidden-value'],
    ['env', 'register', '--name', 'x', '--secret', 'KEY=inline:hidden-value', '--secret', 'KEY=inline:hidden-value'],
    ['env', 'register', '--name', 'x/y', '--secret', 'KEY=inline:hidden-value'],
    ['env', 'register', '--name', 'x', '--value', 'KEY=1', '--secret', 'KEY=inline:hidden-value'],
  ];
  for (const words of wrong) {
    const typed = await project.agora(words);
    assert.equal(typed.code, 2, words.join(' '));
    assert.doesNotMatch(typed.stdout + typed.stderr, /hidden-value/);
  }
});

test('a folder that is too large or leads elsewhere is refused in a sentence', async (t) => {
  const project = await aProject(t);
  const large = join(project.folder, 'large');
  await mkdir(large);
  await writeFile(join(large, 'big'), '');
  await truncate(join(large, 'big'), 51 * 1024 * 1024);
  const leading = join(project.folder, 'leading');
  await mkdir(leading);
  await symlink('/etc/passwd', join(leading, 'passwd'));

  const tooLarge = await project.agora(['capabilities', 'register', '--name', 'large', '--from', 'large']);
  const link = await project.agora(['capabilities', 'register', '--name', 'leading', '--from', 'leading']);

  assert.deepEqual([tooLarge.code, link.code], [3, 2]);
  assert.match(tooLarge.stderr, /more than 50 MiB/);
  assert.match(link.stderr, /leading\/passwd" into a capability: it is a link/);
  assert.equal((await project.agora(['capabilities', 'list', '--json'])).stdout, '[]\n');
});

test('what is registered is listed, printed by its pin too, and forgotten by its name', async (t) => {
  const project = await aProject(t);
  const register = ['subagent', 'register', '--name', 'edit', '--', 'node', 'edit.mjs'];
  const [{ digest } = { digest: '' }] = jsonLines((await project.agora([...register, 'one'])).stdout);
  await project.agora([...register, 'two']);

  const pinned = await project.agora(['subagent', 'get', `edit@${digest}`]);
  const removed = await project.agora(['subagent', 'remove', 'edit']);
  const gone = await project.agora(['subagent', 'get', 'edit']);
  const still = await project.agora(['subagent', 'get', `edit@${digest}`]);

  assert.deepEqual(JSON.parse(pinned.stdout).subagent.command, ['node', 'edit.mjs', 'one']);
  assert.deepEqual([removed.code, gone.code, still.code], [0, 2, 0]);
  assert.match(gone.stderr, /next: agora subagent list/);
});

test('what a subagent relies on and is not there yet is said when it is registered', async (t) => {
  const project = await aProject(t);

  const typed = await project.shell('agora subagent register --name s --capability later --pipeline gated -- true');

  assert.equal(typed.code, 0, typed.stderr);
  assert.match(
    typed.stderr,
    /capability "later" is not registered yet\nagora: pipeline "gated" is not registered yet\n/,
  );
});

const manifest = `
capabilities:
  - { name: hello-cap, from: caps/hello-cap }
envs:
${Array.from({ length: 30 }, (_, index) => `  - { name: env-${index}, secrets: { KEY: 'inline:hidden-${index}' } }`).join('\n')}
subagents:
  - { name: greeter, systemPrompt: Say hi., capabilities: [hello-cap] }
`;

test('a deployment that is killed anywhere is done whole or not at all, and can be done again', async (t) => {
  const project = await aProject(t);
  await mkdir(join(project.folder, 'deploy'));
  await writeFile(join(project.folder, 'deploy', 'manifest.yaml'), manifest.replace('caps/', '../caps/'));
  const names = join(project.folder, '.agora', 'storage', 'names', 'default', 'env');
  for (const movedNames of [0, 1, 10, 20]) {
    await rm(join(project.folder, '.agora'), { recursive: true, force: true });
    const running = project.start('agora', ['deploy', '--from', 'deploy/manifest.yaml']);
    const count = async () => (await readdir(names).catch(() => [])).length;
    await waitUntil(
      'some names to be moved',
      async () => (await count()) >= movedNames || running.child.exitCode !== null,
    );
    if (running.child.pid !== undefined && running.child.exitCode === null) process.kill(-running.child.pid, 'SIGKILL');
    await running.finished;
    const envs = JSON.parse((await project.agora(['env', 'list', '--json'])).stdout).length;
    const subagents = JSON.parse((await project.agora(['subagent', 'list', '--json'])).stdout).length;
    assert.ok([0, 30].includes(envs), `${envs} envs`);
    assert.equal(subagents, envs / 30);
  }

  const completed = await project.agora(['deploy', '--from', 'deploy/manifest.yaml']);
  const again = await project.agora(['deploy', '--from', 'deploy/manifest.yaml']);

  assert.equal(completed.code, 0, completed.stderr);
  assert.equal(jsonLines(completed.stdout).length, 32);
  assert.match(again.stderr, /agora: 32 unchanged/);
  const list = JSON.parse((await project.agora(['env', 'list', '--json'])).stdout);
  assert.equal(list.length, 30);
});

test('two deployments at once leave everything registered', async (t) => {
  const project = await aProject(t);
  await writeFile(join(project.folder, 'manifest.yaml'), manifest);

  const both = await Promise.all([1, 2].map(() => project.agora(['deploy', '--from', 'manifest.yaml'])));

  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ stderr }) => stderr).join('\n'),
  );
  const greeter = await project.agora(['subagent', 'get', 'greeter']);
  assert.equal(greeter.code, 0, greeter.stderr);
});

test('a manifest with problems names the line of each and changes nothing', async (t) => {
  const project = await aProject(t);
  await writeFile(
    join(project.folder, 'manifest.yaml'),
    'capabilities:\n  - { name: x, from: nowhere }\nsubagents:\n  - { name: a b }\n',
  );
  await writeFile(join(project.folder, 'broken.yaml'), 'capabilities:\n  - { name: x\n');

  const wrong = await project.agora(['deploy', '--from', 'manifest.yaml']);
  const broken = await project.agora(['deploy', '--from', 'broken.yaml']);

  assert.deepEqual([wrong.code, broken.code], [2, 2]);
  assert.match(wrong.stderr, /nothing was registered\n {2}manifest\.yaml:4:\d+: subagents\[0\]\.name: must be/);
  assert.match(broken.stderr, /broken\.yaml:\d+:\d+"/);
  assert.equal((await project.agora(['capabilities', 'list', '--json'])).stdout, '[]\n');
});

test("skills, agents and a config's own provider are synced, and a dry run changes nothing", async (t) => {
  const project = await aProject(t);
  await mkdir(join(project.folder, '.claude', 'skills', 'pdf'), { recursive: true });
  await writeFile(join(project.folder, '.claude', 'skills', 'pdf', 'SKILL.md'), 'Read PDFs.');
  const own = "[{ name: 'own', capabilities: async () => [{ name: 'mine', files: { 'a.md': 'x' } }] }]";
  const config = `import { defineConfig } from 'agora-offload';\nexport default defineConfig();\nexport const syncProviders = ${own};\n`;
  await writeFile(join(project.folder, 'agora.config.mjs'), config);
  const sync = ['capabilities', 'sync', '--provider'];

  const dry = await project.agora([...sync, 'claude-code', '--dry-run']);
  const none = await project.agora(['capabilities', 'list', '--json']);
  const real = await project.agora([...sync, 'claude-code', '--from', '.']);
  const mine = await project.agora([...sync, 'own']);
  const unknown = await project.agora([...sync, 'claude']);
  const listed = await project.agora(['capabilities', 'list']);

  assert.deepEqual(
    [dry.code, none.stdout, real.code, mine.code, unknown.code],
    [0, '[]\n', 0, 0, 2],
    dry.stderr + real.stderr,
  );
  assert.equal(dry.stdout, real.stdout);
  assert.match(unknown.stderr, /there is own, claude-code/);
  assert.deepEqual(
    listed.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]),
    ['mine', 'pdf'],
  );
});

test('what a provider of the config does wrong is told as its own, and nothing is registered', async (t) => {
  const project = await aProject(t);
  const wrong = [
    ['async () => 5', /its capabilities gave no list/],
    ["async () => { throw new Error('no net'); }", /it failed\n {2}because: no net/],
    ['async () => [null]', /Cannot register capability "undefined"/],
    ["async () => [{ name: 'x', files: { a: 5 } }]", /"a": must be text, bytes or \{ open \}/],
    ["async () => [{ name: 'x', files: { a: '1' } }, { name: 'x', files: { a: '2' } }]", /it gives two .* named "x"/],
  ] as const;
  for (const [capabilities, says] of wrong) {
    const config = `import { defineConfig } from 'agora-offload';\nexport default defineConfig();\nexport const syncProviders = [{ name: 'own', capabilities: ${capabilities} }];\n`;
    await writeFile(join(project.folder, 'agora.config.mjs'), config);

    const refused = await project.agora(['capabilities', 'sync', '--provider', 'own']);

    assert.deepEqual([refused.code, refused.stdout], [2, ''], refused.stderr);
    assert.match(refused.stderr, says);
  }
  assert.equal((await project.agora(['capabilities', 'list', '--json'])).stdout, '[]\n');
});
