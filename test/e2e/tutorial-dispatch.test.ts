import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { engineForTests } from '../support/engine.ts';
import { readPage } from '../support/markdown-page.ts';
import { type ModelApi, startModelApi } from '../support/model-api/model-api.ts';
import { CheckoutCopy, runPage } from '../support/page-session.ts';

const tutorial = readPage('docs/tutorials/first-dispatch.md');
const { engine, skip } = await engineForTests();

/** No key of anybody's; the stub takes any. */
const key = 'sk-stub-4f2c6b1d9a';

/** The first build downloads the program. */
const patienceMs = 900_000;

test('every command of the tutorial works as printed, with Claude Code against a stub of its API', {
  skip,
}, async (t) => {
  const copy = await aCheckout(t);
  await using api: ModelApi = await startModelApi(engineThere());
  const env = { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: api.url('greet') };
  const stayed = tutorial.commands.filter(({ text }) => !text.includes('rm -r my-deploy'));

  await runPage({ ...tutorial, commands: stayed }, copy, { has: ['engine', 'key', 'gateway'], env, patienceMs });

  assert.equal((await api.seen('greet'))[0]?.paidBy, 'key');
  await assertResults(copy);
  await assertKeyIsKeptOnlyOnce(copy);
});

test('the tutorial names every command that the first walkthrough has', () => {
  const typed = tutorial.text;

  for (const command of [
    'docker build -t ghcr.io/quarrysystems/agora-worker:latest -f docker/agora-worker/Dockerfile .',
    'agora capabilities register --name hello-cap --from caps/hello-cap',
    'agora subagent register --name greeter --system-prompt "Say hi and exit." --capability hello-cap',
    'agora env register --name minimal --value LOG_LEVEL=info --secret ANTHROPIC_API_KEY=inline:$ANTHROPIC_API_KEY',
    'agora dispatch run --target local --subagent greeter --env minimal --worker-image ghcr.io/quarrysystems/agora-worker:latest',
  ]) {
    assert.ok(typed.includes(command), command);
  }
});

function engineThere() {
  assert.ok(engine);
  return engine;
}

async function aCheckout(t: TestContext): Promise<CheckoutCopy> {
  const copy = await CheckoutCopy.make();
  t.after(() => copy.remove());
  return copy;
}

async function assertResults(copy: CheckoutCopy): Promise<void> {
  const [greeting, again] = await Promise.all(
    ['greeting.json', 'again.json'].map(async (name) =>
      JSON.parse(await readFile(join(copy.root, 'my-deploy', name), 'utf8')),
    ),
  );
  assert.deepEqual([greeting.status, again.status], ['done', 'done']);
  assert.equal(greeting.summary, 'Hi.');
  assert.ok(greeting.usage.inputTokens > 0);
  assert.equal(greeting.resolved.runtime, 'claude-code');
}

/** Of everything the tutorial left, only the staged secret itself holds the key. */
async function assertKeyIsKeptOnlyOnce(copy: CheckoutCopy): Promise<void> {
  const folder = join(copy.root, 'my-deploy');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const holding: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(key)) holding.push(relative(folder, path));
  }
  assert.ok(holding.length > 0);
  assert.deepEqual(
    holding.filter((path) => !path.startsWith('.agora/secrets/')),
    [],
  );
}
