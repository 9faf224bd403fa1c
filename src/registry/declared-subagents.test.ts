import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { subagentsOf } from './declared-subagents.ts';

test('a subagent of a config gets its name from its key, and its runtime', () => {
  const { edit } = subagentsOf({ edit: { command: ['true'] } });

  assert.deepEqual(edit, { name: 'edit', command: ['true'], runtime: 'command' });
});

test('what looks like a credential in a subagent of a config is refused with its place', () => {
  const written = { edit: { command: ['true'], env: { KEY: `AKIA${'ABCDEFGHIJKLMNOP'}` } } };

  assert.throws(
    () => subagentsOf(written),
    (error) => {
      assert.ok(isAppError(error, 'invalid-config'));
      assert.equal(error.message, 'Cannot use subagent "edit" of the config: env.KEY looks like an AWS access key id');
      assert.match(error.next ?? '', /as a secret/);
      return true;
    },
  );
});

test('text that would be stored as another is refused', () => {
  assert.throws(() => subagentsOf({ edit: { command: ['a\ud800'] } }), /"command\[0\]" must not hold a lone surrogate/);
  assert.throws(
    () => subagentsOf({ edit: { runtime: 'claude-code', systemPrompt: 'a\ud800' } }),
    /"systemPrompt" must not hold a lone surrogate/,
  );
});

test('a field that is misspelt is told before the one that is missing for it, and an empty command in words', () => {
  const misspelt = JSON.parse('{ "comand": ["true"] }');

  assert.throws(() => subagentsOf({ edit: misspelt }), /"comand" unknown key \(did you mean "command"\?\)/);
  assert.throws(() => subagentsOf({ edit: { command: [] } }), /"command" is empty/);
});
