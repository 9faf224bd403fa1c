import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { defaultBlocks } from '../contracts/pipeline.ts';
import { LocalStorage } from '../storage/local.ts';
import { type GivenPipeline, pipelineProblems, registerPipeline, resolvePipeline } from './pipelines.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-pipelines-'));
after(() => rm(root, { recursive: true, force: true }));
type GivenBlock = GivenPipeline['blocks'][number];
const storage = new LocalStorage({ root });

test('a pipeline resolves by its id, defaults filled in', async () => {
  const gate: GivenBlock = { kind: 'script', command: ['npm', 'test'], lens: 'gate' };
  await registerPipeline(storage, 'test', { schemaVersion: 1, id: 'checked.edit', blocks: [{ kind: 'agent' }, gate] });

  const { pipeline } = await resolvePipeline(storage, 'test', 'checked.edit');

  assert.deepEqual(pipeline.blocks, [{ kind: 'agent' }, { ...gate, timeoutSeconds: 600 }]);
});

test('what is done without a pipeline is itself a pipeline', () => {
  const blocks = defaultBlocks({ command: ['npm', 'test'] });

  assert.deepEqual(pipelineProblems({ schemaVersion: 1, id: 'default', blocks }), []);
});

test('every problem of a pipeline is told with its path', () => {
  const problems = pipelineProblems({
    schemaVersion: 2,
    id: 'a/b',
    blocks: [
      { kind: 'agent' },
      { kind: 'agent' },
      { kind: 'seal' },
      { kind: 'script', command: [], lens: 'maybe', timeout: 1 },
      { kind: 'capture', what: 'patch' },
      { kind: 'capture', what: 'patch' },
      'agent',
      null,
    ],
    block: [],
  });

  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    'block',
    'blocks[1].kind',
    'blocks[2].kind',
    'blocks[3].command',
    'blocks[3].lens',
    'blocks[3].timeout',
    'blocks[5].kind',
    'blocks[6]',
    'blocks[7]',
    'id',
    'schemaVersion',
  ]);
  assert.match(problems.find(({ path }) => path === 'blocks[2].kind')?.message ?? '', /seal is implicit/);
  assert.match(problems.find(({ path }) => path === 'blocks[5].kind')?.message ?? '', /capture patch .*blocks\[4\]/);
});

test('a pipeline without an agent, without blocks, or none at all is refused', async () => {
  const blocks = [{ kind: 'capture', what: 'patch' }];
  assert.deepEqual(
    pipelineProblems({ schemaVersion: 1, id: 'x', blocks }).map(({ path, message }) => `${path} ${message}`),
    ['blocks must hold one agent block'],
  );
  for (const given of [undefined, null, [], 'x', {}, { schemaVersion: 1, id: 'x', blocks: [] }]) {
    assert.notDeepEqual(pipelineProblems(given), []);
  }
});

test('a credential in a command is refused with its place', async () => {
  const script: GivenBlock = { kind: 'script', command: ['curl', `xoxb-${'1234567890'}-abc`], lens: 'verify' };
  const registering = registerPipeline(storage, 'test', {
    schemaVersion: 1,
    id: 'leaky',
    blocks: [{ kind: 'agent' }, script],
  });

  await assert.rejects(registering, (error) => {
    return isAppError(error, 'refused') && /blocks\[1\]\.command\[1\] looks like a Slack token/.test(error.message);
  });
});
