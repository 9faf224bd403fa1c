import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import {
  artifactText,
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  results,
  shellProject,
  submit,
  watched,
} from '../support/shell-project.ts';

// Read by nobody but the tests; put together so that it stands in no file of a project as it is.
const secret = ['quiet', 'river', '4711', 'stone'].join('-');

async function write(project: Project, path: string, text: string): Promise<string> {
  const file = join(project.folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

async function agora(project: Project, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.agora(words);
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** A capability with a setup script, an environment with a secret, a pipeline with a gate. */
async function register(project: Project): Promise<void> {
  await write(project, 'tools/greet.sh', 'echo "greeting from a capability"\n');
  await write(project, 'tools/agora-setup.sh', 'echo prepared > "$HOME/prepared"\n');
  await agora(project, 'capabilities', 'register', '--name', 'tools', '--from', 'tools');
  await agora(
    project,
    'env',
    'register',
    '--name',
    'team',
    '--value',
    'TEAM=blue',
    '--secret',
    `TOKEN=inline:${secret}`,
  );
  const gate = { kind: 'script', lens: 'gate', command: ['sh', '-c', 'test ! -e forbidden.txt'] };
  const blocks = [{ kind: 'agent' }, { kind: 'capture', what: 'patch' }, gate, { kind: 'capture', what: 'outputs' }];
  await write(project, 'gated.json', JSON.stringify({ schemaVersion: 1, id: 'gated', blocks }));
  await agora(project, 'pipeline', 'register', 'gated.json');
}

function withInputs(id: string, script: string, inputs: object, more: object = {}) {
  const plain = item(id, script, more);
  return { ...plain, inputs: { ...plain.inputs, ...inputs } };
}

const use =
  'sh greet.sh > greeting.txt; echo "$TEAM $(printf %s "$TOKEN" | wc -c)" > team.txt; echo "token $TOKEN"; cp "$HOME/prepared" .';

for (const place of await providerPlaces()) {
  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('an item gets the files, environment, secrets and pipeline its plan names, and its manifest says so', async (t) => {
      const project = await shellProject(t, place.compute);
      await register(project);
      await project.serve();

      const runId = await submit(project, 'inputs', [
        withInputs('well', use, { env: 'team', capabilities: ['tools'], pipeline: 'gated' }),
        withInputs('gated', 'echo no > forbidden.txt', { pipeline: 'gated' }),
      ]);
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { well: 'done', gated: 'failed' });
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(outcomes(bundle, 'gated')[0]?.slice(0, 2), ['failed', 'gate-failed']);
      const patch = await artifactText(project, bundle, { item: 'well' });
      assert.match(patch, /^\+greeting from a capability$/m);
      assert.match(patch, new RegExp(`^\\+blue ${secret.length}$`, 'm'));
      assert.match(patch, /^\+prepared$/m);
      const dispatchId = await dispatchOf(project, runId, 'well');
      assert.match(await agora(project, 'dispatch', 'logs', dispatchId), /token <redacted:TOKEN>/);
      const record = JSON.parse(await agora(project, 'dispatch', 'describe', dispatchId, '--json'));
      assert.equal(record.status, 'done');
      assert.deepEqual(record.run, { runId, itemId: 'well', attempt: 1 });
      const text = await readFile(join(project.folder, 'bundle.json'), 'utf8');
      assert.ok(!text.includes(secret));
      const [manifest] = JSON.parse(text).manifests.filter(({ itemId }: { itemId: string }) => itemId === 'well');
      const { capabilities, envBundles, pipeline, secrets, env } = manifest.dispatch;
      assert.deepEqual(
        [...capabilities, ...envBundles, pipeline].map(({ name }: { name: string }) => name),
        ['tools', 'team', 'gated'],
      );
      assert.match(secrets.TOKEN, /^local-secret:\/\//);
      assert.deepEqual(env, { TEAM: 'blue' });
    });

    test('a secret that is not there fails the item at once, naming it', async (t) => {
      const project = await shellProject(t, place.compute);
      await agora(project, 'env', 'register', '--name', 'gone', '--secret', 'KEY=env:AGORA_TEST_NO_SUCH_KEY');
      await project.serve();

      const runId = await submit(project, 'missing', [
        withInputs('a', 'echo never', { env: ['gone'] }, { retry: { attempts: 3 } }),
        item('b', 'echo well'),
      ]);
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { a: 'failed', b: 'done' });
      const bundle = await intactBundle(project, runId);
      const [only, ...more] = results(bundle, 'a');
      assert.deepEqual(more, []);
      assert.equal(only?.body.code, 'secret-missing');
      assert.match(only?.body.message ?? '', /"KEY": cannot resolve secret "env:AGORA_TEST_NO_SUCH_KEY": /);
    });
  });
}

test('what a plan names and nobody registered is refused with its place, all at once', async (t) => {
  const project = await shellProject(t, 'process');
  await register(project);
  const inputs = {
    env: ['team', 'teem'],
    capabilities: ['tool'],
    pipeline: `gated@sha256:${'0'.repeat(64)}`,
    model: 'max',
  };
  const plan = await project.writePlan({
    items: [
      withInputs('a', 'true', inputs),
      { id: 'b', inputs: { subagent: 'shel', workerInput: { script: 'x' } } },
      item('c', `echo AKIA${'ABCD'.repeat(4)}`),
    ],
  });

  const { code, stderr } = await project.agora(['orch', 'validate', plan]);

  assert.equal(code, 2);
  for (const path of [
    'items[0].inputs.env[1]: unknown env "teem" (did you mean "team"?)',
    'items[0].inputs.capabilities[0]: unknown capability "tool" (did you mean "tools"?)',
    'items[0].inputs.pipeline: ',
    'items[0].inputs.model: does not apply',
    'items[1].inputs.subagent: unknown subagent "shel" (did you mean "shell"?)',
    'items[2].inputs.workerInput.script: looks like an AWS access key id',
  ]) {
    assert.ok(stderr.includes(path), `${path}\n${stderr}`);
  }
});
