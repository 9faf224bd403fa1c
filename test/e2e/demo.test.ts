import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { runningProcesses } from '../../src/base/process-identity.ts';
import { stagingOf } from '../../src/compute/process-staging.ts';
import { buildWorkerBundle } from '../../src/compute/worker-bundle.ts';
import { prepareWorkerImage } from '../../src/compute/worker-image.ts';
import { containerLabels, workerImage } from '../../src/contracts/names.ts';
import { checkoutCopy } from '../support/checkout.ts';
import { rawEngine, requireEngine } from '../support/engine.ts';
import { editIds } from '../support/fanout.ts';
import { startModelApi } from '../support/model-api/model-api.ts';
import type { Finished, Project, Running } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { patience } from '../support/shell-project.ts';

const example = 'examples/offload-fanout';
const agora = 'bin/agora';

const choices = {
  docker: /^Workers run in Docker, because an engine answers: unix:\/\//m,
  process: /^Workers run as processes under bubblewrap, because .*does not answer$/m,
} as const;

for (const { name, compute, skip } of await providerPlaces()) {
  describe(`on ${name}`, { skip }, () => {
    test('the demo shows what it claims, and its next commands work when pasted', async (t) => {
      const checkout = await checkoutCopy(t, compute);
      const startedAt = Date.now();

      const demo = await checkout.start(agora, ['demo']).finished;

      assert.equal(demo.code, 0, demo.stdout + demo.stderr);
      assert.ok(Date.now() - startedAt < 30_000 || /preparing it \(once\)/.test(demo.stdout));
      assert.match(demo.stdout, choices[name]);
      assertOutcome(demo.stdout);
      const pasted = await checkout.start('bash', ['-e', '-c', nextCommands(demo.stdout)]).finished;
      assert.equal(pasted.code, 0, pasted.stderr);
      assert.match(
        pasted.stdout,
        /applied fixture\/alpha\.ts\napplied fixture\/beta\.ts\napplied fixture\/shared\.ts\n/,
      );
      assert.match(pasted.stdout, /INTACT, tamper-detecting/);
      assert.equal(await gitStatus(checkout), '');
      await assertNothingRuns(checkout);
    });

    test('Ctrl-C while items run cancels the run and leaves nothing running', async (t) => {
      const checkout = await checkoutCopy(t, compute);
      const demo = checkout.start(agora, ['demo']);

      const stopped = await interruptAt(demo, /● edit-alpha {3}running/);

      assert.equal(stopped.code, 130, stopped.stdout + stopped.stderr);
      assert.match(stopped.stderr, /Stopped the demo: the run was cancelled and nothing of it is left running/);
      await assertNothingRuns(checkout);
    });
  });
}

test('Ctrl-C at other moments of the demo leaves nothing running either', async (t) => {
  const moments = { 'at the very start': /^Running/, 'as the daemon starts': /bubblewrap/, 'at the end': /^Audit$/m };
  const checkout = await checkoutCopy(t, 'process');

  for (const [moment, shown] of Object.entries(moments)) {
    const stopped = await interruptAt(checkout.start(agora, ['demo']), shown);

    // At the end all may have been said and done before the signal counts.
    const expected = moment === 'at the end' ? [0, 130] : [130];
    assert.ok(expected.includes(stopped.code ?? -1), `${moment}: ${stopped.code}\n${stopped.stdout}${stopped.stderr}`);
    await assertNothingRuns(checkout);
  }
});

test('Ctrl-C while the worker image is prepared ends the demo', async (t) => {
  const engine = await requireEngine(t);
  if (engine === undefined) return;
  const checkout = await checkoutCopy(t, { engine: engine.address });
  // Another worker, so the engine cannot have its image.
  const main = join(checkout.folder, 'src/worker/main.ts');
  await writeFile(main, `${await readFile(main, 'utf8')}\nprocess.title = '${checkout.folder}';\n`);
  const { digest } = await buildWorkerBundle(checkout.folder);
  t.after(async () => {
    const image = (await rawEngine(engine.address)).getImage(`${workerImage.repository}:${digest}`);
    await image.remove({ force: true }).catch(() => undefined);
  });

  const stopped = await interruptAt(checkout.start(agora, ['demo']), /preparing it \(once\)/);

  assert.equal(stopped.code, 130, stopped.stdout + stopped.stderr);
  await assertNothingRuns(checkout);
});

test('without a sandbox the demo says so and runs', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const checkout = await checkoutCopy(t, 'process');
  const hidden = 'if [ -e /usr/bin/bwrap ]; then mount --bind /dev/null /usr/bin/bwrap; fi';

  const demo = await checkout.start('unshare', ['--mount', 'sh', '-ec', `${hidden}; exec ${agora} demo`]).finished;

  assert.equal(demo.code, 0, demo.stdout + demo.stderr);
  assert.match(demo.stdout, /WITHOUT A SANDBOX, because .* and bubblewrap .*\n.*this example's own/);
  assertOutcome(demo.stdout);
  await assertNothingRuns(checkout);
});

test('a fixture that carries the edits already is refused with the command that takes them back', async (t) => {
  const checkout = await checkoutCopy(t, 'process');
  const file = join(checkout.folder, example, 'fixture/beta.ts');
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('OLD_NAME', 'NEW_NAME'));

  const refused = await checkout.start(agora, ['demo']).finished;

  assert.deepEqual([refused.code, refused.stdout], [2, '']);
  const restore = /next: (git .*)$/m.exec(refused.stderr)?.[1] ?? '';
  assert.match(refused.stderr, /carries its edits already, in fixture\/beta\.ts/);
  assert.equal((await checkout.start('bash', ['-c', restore]).finished).code, 0);
  assert.equal(await gitStatus(checkout), '');
});

function assertOutcome(stdout: string): void {
  for (const id of [...editIds, 'verify']) assert.match(stdout, new RegExp(`✓ ${id} +done {2}[\\d.]+ m?s$`, 'm'));
  const patches = stdout.slice(stdout.indexOf('\nPatches\n'), stdout.indexOf('\nAudit\n'));
  for (const id of editIds) {
    const file = `fixture/${id.replace('edit-', '')}.ts`;
    assert.match(patches, new RegExp(`${id}\n {4}diff --git a/${file} b/${file}\n[^]*?\\+.*NEW_NAME`));
  }
  assert.match(stdout, /^ {2}intact {2}claim: tamper-detecting {2}guarantee: detect\n {2}artifacts: verified/m);
}

function nextCommands(stdout: string): string {
  return stdout.slice(stdout.indexOf('\n', stdout.indexOf('\nNext, ') + 1));
}

async function interruptAt(demo: Running, shown: RegExp): Promise<Finished> {
  await waitUntil(`${shown}`, () => shown.test(demo.stdout()) || demo.child.exitCode !== null, patience);
  demo.child.kill('SIGINT');
  return demo.finished;
}

async function gitStatus(checkout: Project): Promise<string> {
  return (await checkout.start('git', ['status', '--porcelain', 'examples']).finished).stdout;
}

/** No daemon, no worker of the process provider, no container. */
async function assertNothingRuns(checkout: Project): Promise<void> {
  const state = join(checkout.folder, example, '.agora');
  const places = [`${checkout.folder}/`, stagingOf(join(state, 'work', 'process')).tasks];
  const commands = await Promise.all(
    runningProcesses().map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  assert.deepEqual(
    commands.filter((command) => places.some((place) => command.includes(place))),
    [],
  );
  const deployment = await readFile(join(state, 'deployment.json'), 'utf8').catch(() => undefined);
  const host = checkout.env['DOCKER_HOST'];
  if (deployment === undefined || host === undefined || host.includes('nonexistent')) return;
  const docker = await rawEngine(host);
  const label = `${containerLabels.deployment}=${JSON.parse(deployment).deploymentId}`;
  const left = await docker.listContainers({ all: true, filters: JSON.stringify({ label: [label] }) });
  assert.deepEqual(
    left.map(({ Names }) => Names),
    [],
  );
}

test('with a key Claude Code makes the edits, and what it is and costs is said first', async (t) => {
  const engine = await requireEngine(t);
  if (engine === undefined) return;
  await using api = await startModelApi(engine);
  const checkout = await checkoutCopy(t, { engine: engine.address });
  // Here and not by the demo, whose environment has nothing of this machine's npm.
  await prepareWorkerImage(engine, { packageRoot: checkout.folder, runtime: 'claude-code' });
  const key = 'sk-ant-api03-a-key-of-the-demo-0123456789';
  await writeFile(join(checkout.folder, '.env'), `ANTHROPIC_API_KEY=${key}\nANTHROPIC_BASE_URL=${api.url('edit')}\n`);

  const demo = await checkout.start('npm', ['run', 'start:env', '--workspace', 'offload-fanout-example']).finished;

  assert.equal(demo.code, 0, demo.stdout + demo.stderr);
  assertOutcome(demo.stdout);
  const said = demo.stdout.indexOf(
    'code-edit runs claude-code, model fast; its tokens are paid for with ANTHROPIC_API_KEY.',
  );
  assert.ok(said >= 0 && said < demo.stdout.indexOf('Submitted as'), demo.stdout);
  assert.match(demo.stdout, /^verify runs a command: no model and no key is used\.$/m);
  assert.match(
    (await api.seen('edit')).map((request) => request.said).join('\n'),
    /fixture\/beta\.ts, rename OLD_NAME/,
  );
  const state = join(checkout.folder, example, '.agora');
  assert.equal((await checkout.start('grep', ['-rlF', key, state]).finished).stdout, '');
  await assertNothingRuns(checkout);
});

test('with two keys Claude Code is not run, and nothing is spent', async (t) => {
  const checkout = await checkoutCopy(t, 'process');
  Object.assign(checkout.env, { ANTHROPIC_API_KEY: 'one', CLAUDE_CODE_OAUTH_TOKEN: 'other' });

  const refused = await checkout.start(agora, ['demo', '--env-from', 'none.env']).finished;

  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(refused.stderr, /Both ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are given/);
});
