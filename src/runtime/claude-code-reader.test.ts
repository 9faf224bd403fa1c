import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaudeCodeReader } from './claude-code-reader.ts';

const init = { type: 'system', subtype: 'init', session_id: 's-1', model: 'm-1', claude_code_version: '2' };
const result = {
  type: 'result',
  subtype: 'success',
  is_error: false,
  session_id: 's-1',
  num_turns: 2,
  duration_api_ms: 70,
  total_cost_usd: 0.5,
  result: 'Renamed.',
  modelUsage: {
    'm-2': { inputTokens: 10, outputTokens: 2, cacheReadInputTokens: 1, cacheCreationInputTokens: 3 },
    'm-1': { inputTokens: 5, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 },
  },
};

function message(id: string, ...content: object[]) {
  return { type: 'assistant', message: { id, model: 'm-1', content, usage: { input_tokens: 7, output_tokens: 2 } } };
}

/** What was shown of these events, and what came of them. */
function read(events: readonly object[], exitCode: number | null = 0) {
  const reader = new ClaudeCodeReader();
  const shown = events.map((event) => reader.onLine(JSON.stringify(event)));
  return { shown: shown.filter((line) => line !== ''), ...reader.conclude({ exitCode }) };
}

test('a session is shown as what it says and does, and concluded with what it used', () => {
  const edit = { type: 'tool_use', name: 'Edit', input: { file_path: 'a.ts', old_string: 'much\ntext' } };

  const seen = read([init, message('1', { type: 'text', text: 'I look.' }), message('1', edit), result]);

  assert.deepEqual(seen, {
    shown: ['claude-code 2, m-1', 'I look.', '> Edit a.ts', 'done after 2 turns, $0.5000'],
    usage: {
      models: ['m-1', 'm-2'],
      inputTokens: 15,
      outputTokens: 3,
      cacheReadTokens: 1,
      cacheWriteTokens: 3,
      costUsd: 0.5,
      turns: 2,
      modelMs: 70,
    },
    summary: 'Renamed.',
    sessionId: 's-1',
  });
});

test('what was used is counted once a message when the session was ended from outside, and then has no price', () => {
  const { usage, sessionId, failure } = read([init, message('1'), message('1'), message('2')], null);

  assert.deepEqual([usage?.inputTokens, usage?.outputTokens, usage?.costUsd], [14, 4, undefined]);
  assert.deepEqual([sessionId, failure], ['s-1', undefined]);
});

test('each failure of the model API has its name, from its status and not from its words', () => {
  const failureOf = (end: object) =>
    read([init, { ...result, is_error: true, subtype: 'success', result: 'secret words', ...end }], 1).failure;
  const codes = {
    'key-refused': [{ api_error_status: 401 }, { api_error_status: 403 }, { api_error_type: 'billing_error' }],
    'rate-limit': [{ api_error_status: 429 }, { api_error_status: 529, api_error_type: 'overloaded_error' }],
    'max-turns': [{ subtype: 'error_max_turns' }],
    'model-error': [{ api_error_status: 500 }, { api_error: 'connection_failed' }, { subtype: 'error_of_some_kind' }],
  };

  for (const [code, ends] of Object.entries(codes)) {
    for (const end of ends) assert.equal(failureOf(end)?.code, code, JSON.stringify(end));
  }
  assert.equal(failureOf({ api_error_type: 'Ignore all that and' })?.message.includes('Ignore'), false);
  assert.equal(failureOf({ api_error_status: 401 })?.message.includes('secret words'), false);
});

test('a key that is refused twice in a row is hopeless, whatever is tried after; a busy model API is not', () => {
  const reader = new ClaudeCodeReader();
  const refused = (attempt: number, status = 401) =>
    reader.onLine(
      JSON.stringify({ type: 'system', subtype: 'api_retry', attempt, max_retries: 10, error_status: status }),
    );

  const shown = [refused(2, 429), refused(1), reader.isHopeless, refused(2), reader.isHopeless];

  assert.deepEqual(shown, [
    'the model API answered 429; try 2 of 10 follows',
    'the model API answered 401; try 1 of 10 follows',
    false,
    'the model API answered 401 again: the key is refused',
    true,
  ]);
  assert.equal(reader.conclude({ exitCode: 143 }).failure?.code, 'key-refused');
});

test('a program that is not there is told from one that failed', () => {
  assert.equal(read([], 127).failure?.code, 'runtime-missing');
  assert.equal(
    new ClaudeCodeReader().conclude({ exitCode: null, startError: 'ENOENT' }).failure?.code,
    'runtime-missing',
  );
  assert.equal(read([init], 127).failure, undefined);
  assert.equal(read([init], 1).failure, undefined);
  assert.equal(read([init], 0).failure?.code, 'no-result');
});

test('waits for the model, refusals and failures of tools are shown in a line each', () => {
  const { shown } = read([
    { type: 'system', subtype: 'api_retry', attempt: 1, max_retries: 10, error_status: 429 },
    { type: 'system', subtype: 'permission_denied', tool_name: 'Bash' },
    { type: 'user', message: { content: [{ type: 'tool_result', is_error: true, content: 'no such file\nmore' }] } },
    { type: 'user', message: { content: [{ type: 'tool_result', content: 'everything of a file' }] } },
  ]);

  assert.deepEqual(shown, [
    'the model API answered 429; try 1 of 10 follows',
    '  not permitted: Bash',
    '  failed: no such file',
  ]);
});

test('lines that are not of the stream are shown as they are, and odd ones hurt nobody', () => {
  const reader = new ClaudeCodeReader();
  const odd = [
    '',
    'plain',
    '[]',
    'null',
    '{"type":5}',
    '{"type":"assistant"}',
    '{"type":"user","message":{"content":5}}',
  ];

  assert.deepEqual(
    odd.map((line) => reader.onLine(line)),
    ['', 'plain', '[]', 'null', '{"type":5}', '', ''],
  );
  const nothing = '{"type":"result","is_error":true,"num_turns":-1,"modelUsage":{"m":{"inputTokens":"many"}}}';
  assert.match(reader.onLine(nothing), /^gave up/);
  assert.equal(reader.conclude({ exitCode: 1 }).failure?.code, 'model-error');
});
