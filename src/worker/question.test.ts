import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { outNames } from '../contracts/names.ts';
import type { TaskAgent } from '../contracts/task.ts';
import { extractTree } from './extract-tree.ts';
import { aFolder, doWork } from './worker-under-test.ts';

const shell = (script: string) => ['sh', '-c', script];
const ask = (json: string) => `mkdir -p .agora; cat > .agora/needs_input.json <<'END'\n${json}\nEND\n`;

test('a question ends the dispatch with what was done so far', async (t) => {
  const question = { question: 'which?', options: ['a', 'b'], context: { at: [1] }, partial_state: { step: 2.5 } };
  const { result, read } = await doWork(t, {
    command: shell(`echo half > work.txt; ${ask(JSON.stringify(question))}`),
    blocks: [{ kind: 'agent' }, { kind: 'script', lens: 'gate', command: ['false'], timeoutSeconds: 5 }],
  });

  assert.deepEqual([result.outcome, result.failure, result.exitCode], ['needs-input', undefined, 0]);
  assert.deepEqual(JSON.parse(await read(outNames.question)), question);
  assert.match(await read(outNames.patch), /^\+half$/m);
  assert.equal(result.blocks.length, 1);
});

test('a question of a subagent that fails is none, and one that was there before too', async (t) => {
  const failed = await doWork(t, { command: shell(`${ask('{"question":"which?"}')}exit 2`) });
  const stale = await doWork(t, { overlay: { '.agora/needs_input.json': '{"question":"old"}' }, command: ['true'] });

  assert.deepEqual([failed.result.failure, stale.result.outcome], ['exit-nonzero', 'done']);
});

const bad: Readonly<Record<string, readonly [script: string, reason: RegExp]>> = {
  'is no JSON': [ask('{"question":'), /it is no strict JSON at line \d+, column \d+: ends too early/],
  'is empty': [ask(''), /it is empty/],
  'names a member twice': [
    ask('{"question":"a","question":"private"}'),
    /it is no strict JSON at line 1, column 17: is there twice/,
  ],
  'lacks the question': [ask('{"options":[]}'), /question: is missing/],
  'has a field of its own': [ask('{"question":"q","private":1}'), /it has a field that no question has/],
  'has an option of another kind': [
    ask('{"question":"q","options":[{"private":1}]}'),
    /options\.0: must be text, not an object/,
  ],
  'is nested deeply': [
    ask(`{"question":"q","context":${'['.repeat(100)}${']'.repeat(100)}}`),
    /is nested deeper than 64/,
  ],
  'is too large': ['mkdir .agora; head -c 2000000 /dev/zero > .agora/needs_input.json', /larger than 1048576 bytes/],
  'is a link': ['mkdir .agora; ln -s /etc/passwd .agora/needs_input.json', /it is a link/],
  'is a pipe': ['mkdir .agora; mkfifo .agora/needs_input.json', /not a regular file/],
};
for (const [kind, [script, reason]] of Object.entries(bad)) {
  test(`a question that ${kind} is told as such, in our words`, async (t) => {
    const { result, out } = await doWork(t, { command: shell(script) });

    assert.deepEqual([result.outcome, result.failure], ['failed', 'bad-question']);
    assert.match(result.message ?? '', reason);
    assert.doesNotMatch(result.message ?? '', /private|root:/);
    assert.equal(existsSync(join(out, outNames.question)), false);
  });
}

test('a folder that is a link leads nobody to a question', async (t) => {
  const { result } = await doWork(t, {
    command: shell('mkdir x; echo \'{"question":"q"}\' > x/needs_input.json; ln -s x .agora'),
  });

  assert.equal(result.outcome, 'done');
});

test('no secret leaves with a question', async (t) => {
  const { result, read } = await doWork(t, {
    command: shell(ask('{"question":"use 48151623420?","context":{"hunter2-hunter2":[48151623420]}}')),
    secrets: { TOKEN: 'hunter2-hunter2', PIN: '48151623420' },
  });

  assert.equal(result.outcome, 'needs-input');
  const context = { '<redacted:TOKEN>': ['<redacted:PIN>'] };
  assert.deepEqual(JSON.parse(await read(outNames.question)), { question: 'use <redacted:PIN>?', context });
});

const claude: TaskAgent = { runtime: 'claude-code', prompt: 'work', permissionMode: 'bypass' };
const events = (session: string) => `
  cat > /dev/null
  echo '{"type":"system","subtype":"init","session_id":"${session}","model":"m"}'
  echo '{"type":"result","subtype":"success","is_error":false,"result":"all hunter2-hunter2 done","session_id":"${session}","num_turns":3,"total_cost_usd":0.25,"modelUsage":{"m":{"inputTokens":5,"outputTokens":2}}}'
`;

test('a runtime that asks leaves its session, without secrets, and it comes back for the answer', async (t) => {
  const session = `mkdir -p "$HOME/.claude/projects/p"; echo '{"key":"hunter2-hunter2"}' > "$HOME/.claude/projects/p/s1.jsonl"; ln -s /etc/passwd "$HOME/.claude/projects/link"`;
  const asked = await doWork(t, {
    agent: claude,
    programs: { claude: `${session}\n${ask('{"question":"q"}')}${events('s1')}` },
    secrets: { ANTHROPIC_API_KEY: 'hunter2-hunter2' },
  });

  assert.deepEqual([asked.result.outcome, asked.result.sessionId], ['needs-input', 's1']);
  assert.equal(asked.result.summary, 'all <redacted:ANTHROPIC_API_KEY> done');
  assert.deepEqual([asked.result.usage?.turns, asked.result.usage?.costUsd], [3, 0.25]);
  const kept = await aFolder(t);
  await mkdir(join(kept, 'home'));
  await extractTree(Readable.from([await readFile(join(asked.out, outNames.session))]), join(kept, 'home'), {
    maxBytes: 1e6,
  });
  const text = await readFile(join(kept, 'home/.claude/projects/p/s1.jsonl'), 'utf8');
  assert.equal(text, '{"key":"<redacted:ANTHROPIC_API_KEY>"}\n');

  const goesOn = await doWork(t, {
    agent: { ...claude, sessionId: 's1' },
    session: { '.claude/projects/p/s1.jsonl': text },
    programs: { claude: `grep -q redacted "$HOME/.claude/projects/p/s1.jsonl" || exit 7\n${events('s1')}` },
    secrets: { ANTHROPIC_API_KEY: 'hunter2-hunter2' },
  });
  assert.equal(goesOn.result.outcome, 'done');
});

test('a runtime is shown in words and kept as its events, and without its program or key it is named', async (t) => {
  const done = await doWork(t, {
    agent: claude,
    programs: { claude: events('s1') },
    env: { ANTHROPIC_API_KEY: 'plain' },
  });
  const missing = await doWork(t, { agent: claude, env: { ANTHROPIC_API_KEY: 'plain', PATH: '/nowhere' } });
  const noKey = await doWork(t, { agent: claude, programs: { claude: 'echo > "$HOME/ran"' } });

  assert.equal(done.result.outcome, 'done');
  assert.doesNotMatch(done.live.stdout, /session_id/);
  assert.match(await done.read(outNames.transcript), /"stream":"event","text":".*session_id/);
  assert.deepEqual([missing.result.failure, noKey.result.failure], ['runtime-missing', 'key-missing']);
  assert.equal(existsSync(join(noKey.home, 'ran')), false);
});
