import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import type { FailureCode } from '../../src/contracts/run.ts';
import { apiKey, ClaudeDispatches } from '../support/claude-dispatch.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { type ModelApi, startModelApi } from '../support/model-api/model-api.ts';

const { engine, skip } = await engineForTests();
const patience = { timeoutMs: 60_000 };
const renaming = { promptTemplate: 'Rename OLD_NAME in {{file}}.', model: 'fast' };

// The real program in real containers; only its model is a stub.
describe('Claude Code', { skip }, () => {
  let api: ModelApi;
  before(async () => {
    assert.ok(engine);
    api = await startModelApi(engine);
  });
  after(() => api?.[Symbol.asyncDispose]());

  test('it edits a file: patch, usage, summary, live lines and transcript are there', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);

    const ended = await claude.run('edit', renaming, { input: { file: 'a.txt' } });

    const { outcome, record, shown } = ended;
    assert.equal(outcome.outcome, 'done', JSON.stringify(outcome));
    assert.match(await claude.artifact(ended, 'patch'), /^-OLD_NAME\n\+NEW_NAME$/m);
    assert.deepEqual([record.resolved.runtime, record.resolved.network], ['claude-code', 'internet']);
    const { models, turns, inputTokens, outputTokens, costUsd = 0, modelMs = 0 } = outcome.usage ?? {};
    assert.match(models?.join() ?? '', /haiku/);
    assert.deepEqual([turns, inputTokens, outputTokens], [3, 3000, 60]);
    assert.ok(costUsd > 0 && modelMs > 0);
    assert.match(outcome.summary ?? '', /updated/);
    assert.match(shown, /^claude-code [\d.]+, .*haiku.*\n> Read \/workspace\/a\.txt\n> Edit \/workspace\/a\.txt\n/m);
    const transcript = (await claude.artifact(ended, 'log')).trimEnd().split('\n');
    const texts = transcript.map((line) => String(JSON.parse(line).text));
    assert.ok(texts.some((text) => text.includes('"type":"tool_use"') && text.includes('"Edit"')));
    const [first] = await api.seen('edit');
    assert.match(first?.said ?? '', /Rename OLD_NAME in a\.txt\./);
  });

  test('the input reaches an agent that has a system prompt alone', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);

    await claude.run(
      'edit',
      { systemPrompt: 'Rename what you are given.' },
      { input: { file: 'a.txt', marker: 'm-1' } },
    );

    assert.ok((await api.seen('edit')).some(({ said }) => said.includes('"marker": "m-1"')));
  });

  const failures: readonly (readonly [string, FailureCode, RegExp])[] = [
    ['unauthorized', 'key-refused', /401 authentication_error/],
    ['forbidden', 'key-refused', /403 permission_error/],
    ['limited', 'rate-limit', /429 rate_limit_error/],
    ['overloaded', 'rate-limit', /529 overloaded_error/],
    ['broken', 'model-error', /500 api_error/],
    ['endless', 'max-turns', /maxTurns/],
  ];
  for (const [scenario, code, message] of failures) {
    test(`a model API that is "${scenario}" ends it as ${code}`, async (t) => {
      const claude = await ClaudeDispatches.open(t, api);

      const { outcome } = await claude.run(scenario, { ...renaming, maxTurns: 3 }, { input: { file: 'a.txt' } });

      assert.deepEqual([outcome.outcome, outcome.code], ['failed', code], JSON.stringify(outcome));
      assert.match(outcome.message ?? '', message);
    });
  }

  test('a key that is refused is tried twice, however often the program would', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);
    const before = (await api.seen('unauthorized')).length;

    const { outcome, shown } = await claude.run('unauthorized', renaming, {
      input: { file: 'a.txt' },
      variables: { CLAUDE_CODE_MAX_RETRIES: '10' },
    });

    assert.deepEqual([outcome.outcome, outcome.code], ['failed', 'key-refused'], JSON.stringify(outcome));
    assert.match(outcome.message ?? '', /may be wrong or expired: it answered 401/);
    assert.match(shown, /^the model API answered 401 again: the key is refused$/m);
    assert.ok((await api.seen('unauthorized')).length - before <= 3);
  });

  test('a model API that never answers ends it by its timeout', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);

    const { outcome } = await claude.run('slow', renaming, { input: { file: 'a.txt' }, timeoutSeconds: 3 });

    assert.deepEqual([outcome.outcome, outcome.code], ['failed', 'timeout']);
  });

  test('no key, two keys and a missing program are told before anything is spent', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);
    const run = (wish: Parameters<ClaudeDispatches['run']>[2]) =>
      claude.run('never', renaming, { input: { file: 'a.txt' }, ...wish });

    const none = await run({ secrets: {} });
    const two = await run({
      secrets: { ANTHROPIC_API_KEY: { inline: apiKey }, CLAUDE_CODE_OAUTH_TOKEN: { inline: `${apiKey}-token` } },
    });
    const missing = await run({ variables: { PATH: '/usr/bin' } });

    assert.deepEqual([none.outcome.code, two.outcome.code], ['key-missing', 'refused']);
    for (const { outcome } of [none, two])
      assert.match(outcome.message ?? '', /ANTHROPIC_API_KEY.*CLAUDE_CODE_OAUTH_TOKEN/);
    assert.equal(missing.outcome.code, 'runtime-missing', JSON.stringify(missing.outcome));
    assert.match(missing.outcome.message ?? '', /agora worker build --with claude-code/);
    assert.deepEqual(await api.seen('never'), []);
  });

  test('a subscription token pays as well', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);
    const secrets = { CLAUDE_CODE_OAUTH_TOKEN: { inline: 'sk-ant-oat01-a-token-that-nobody-may-see' } };

    const { outcome } = await claude.run('edit', renaming, { input: { file: 'a.txt' }, secrets });

    assert.equal(outcome.outcome, 'done');
    assert.ok((await api.seen('edit')).some(({ paidBy }) => paidBy === 'token'));
  });

  test('a strict agent may change what the settings of its worktree allow, and nothing else', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);
    const strict = { ...renaming, permissionMode: 'strict' } as const;
    const settings = JSON.stringify({ permissions: { allow: ['Edit'] } });
    const files = { 'a.txt': 'OLD_NAME\n', '.claude/settings.json': settings };

    const refused = await claude.run('edit', strict, { input: { file: 'a.txt' } });
    const allowed = await claude.run('edit', strict, { input: { file: 'a.txt' }, files });

    assert.equal(await claude.artifact(refused, 'patch'), '');
    assert.match(refused.shown, /not permitted: Edit/);
    assert.match(await claude.artifact(allowed, 'patch'), /\+NEW_NAME/);
    assert.equal((await claude.run('ask', strict, { input: { file: 'a.txt' } })).record.status, 'waiting');
  });

  test('it asks, and the answer goes on in the same session on what was done', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);

    const asked = await claude.run('ask', { promptTemplate: 'Paint it.' });
    const answered = await claude.answer(asked.record, 'blue');

    assert.equal(asked.record.status, 'waiting', JSON.stringify(asked.outcome));
    const question = { question: 'Which colour?', options: ['red', 'blue'], partial_state: { step: 1 } };
    assert.deepEqual(asked.outcome.question, question);
    assert.equal(answered.outcome.outcome, 'done', JSON.stringify(answered.outcome));
    assert.match(await claude.artifact(answered, 'patch'), /^\+blue, and I remember asking$/m);
  });

  test('the key is in nothing that is left: no record, transcript, patch, output, session or live line', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);

    const ended = await claude.run('shell', { promptTemplate: 'Look around.' });

    assert.equal(ended.outcome.outcome, 'done', JSON.stringify(ended.outcome));
    assert.match(await claude.artifact(ended, 'patch'), /ANTHROPIC_API_KEY=<redacted:ANTHROPIC_API_KEY>/);
    assert.ok(ended.outcome.redacted.some((line) => line.includes('env.txt')));
    assert.equal(ended.shown.includes(apiKey), false);
    assert.deepEqual(await filesHolding(claude.storage.root, apiKey), []);
    assert.deepEqual(await filesHolding(claude.storage.root, Buffer.from(apiKey).toString('base64').slice(4, 40)), []);
    const docker = await rawEngine(engine?.address ?? '');
    const image = await docker.getImage(ended.record.image ?? '').inspect();
    assert.equal(JSON.stringify(image).includes(apiKey), false);
  });

  test('while it runs the key is in no inspection of its container', async (t) => {
    const claude = await ClaudeDispatches.open(t, api);
    const docker = await rawEngine(engine?.address ?? '');
    const running = claude.run('slow', renaming, { input: { file: 'a.txt' }, timeoutSeconds: 4 });

    // Its container has the name of the dispatch.
    const dispatchId = await waitUntil('the dispatch', async () => (await claude.ids())[0], patience);
    const filters = JSON.stringify({ name: [dispatchId] });
    const found = await waitUntil('its container', async () => (await docker.listContainers({ filters }))[0], patience);
    const container = docker.getContainer(found.Id);
    const inspected = JSON.stringify([await container.inspect(), await container.top().catch(() => [])]);

    assert.equal(inspected.includes(apiKey), false);
    assert.equal((await running).outcome.code, 'timeout');
    assert.deepEqual(await docker.listContainers({ all: true, filters }), []);
  });
});

/** Every stored file is searched, whatever it is. */
async function filesHolding(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map(async (file) => [file, await readFile(file)] as const));
  return contents.filter(([, bytes]) => bytes.includes(text)).map(([file]) => file);
}
