import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dispatchWorkSchema } from '../contracts/dispatch.ts';
import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { registerCapability } from '../registry/capabilities.ts';
import { registerEnv } from '../registry/envs.ts';
import { registerPipeline } from '../registry/pipelines.ts';
import { registerSubagent } from '../registry/subagents.ts';
import { resolveWork } from './resolve-work.ts';
import { placeForTests } from './suite-place.ts';

const asker: Subagent = { name: 'asker', runtime: 'claude-code', promptTemplate: 'Do {{what}}', model: 'fast' };
const shell: Subagent = { name: 'shell', runtime: 'command', command: ['sh'], env: { A: 'subagent', B: 'subagent' } };

const declared = { asker, shell };
const work = (fields: object) => dispatchWorkSchema.parse({ subagent: 'shell', target: 'held', ...fields });
const fails = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isAppError(error, code) && text.test(error.message);

test('variables: later ones win, and a secret wins over a value of its name', async (t) => {
  const place = await placeForTests(t, declared);
  const ports = { storage: place.storage, namespace: 'default', secrets: place.secretStore };
  await registerEnv(ports, { name: 'one', values: { B: 'one', C: 'one' }, secrets: { S: { ref: 'env:ONE' } } });
  await registerEnv(ports, { name: 'two', values: { C: 'two', D: 'two' }, secrets: { S: { ref: 'env:TWO' } } });

  const resolved = await resolveWork(
    place,
    work({ env: ['one', 'two'], variables: { D: 'work', T: 'work' }, secrets: { T: 'env:MINE' } }),
  );

  assert.deepEqual(resolved.variables, { A: 'subagent', B: 'one', C: 'two', D: 'work' });
  assert.deepEqual(resolved.secretRefs, { S: 'env:TWO', T: 'env:MINE' });
});

test('the variables of a target come below all others, and are decided and recorded with them', async (t) => {
  const place = await placeForTests(t, declared);
  const computeOf = (target: string) => ({ extraEnv: { A: target, Z: target, T: target } });

  const resolved = await resolveWork({ ...place, computeOf }, work({ secrets: { T: 'env:MINE' } }));

  assert.deepEqual(resolved.variables, { A: 'subagent', B: 'subagent', Z: 'held' });
});

test('capabilities replace those of the subagent or come besides them, each once and in order', async (t) => {
  const place = await placeForTests(t);
  for (const name of ['a', 'b', 'c']) {
    await registerCapability(place, { name, files: { [`${name}.txt`]: name } });
  }
  await registerSubagent(place.storage, 'default', { name: 'with', command: ['sh'], capabilities: ['a'] });
  const namesOf = async (fields: object) =>
    (await resolveWork(place, work({ subagent: 'with', ...fields }))).capabilities.map(({ name }) => name);

  assert.deepEqual(await namesOf({}), ['a']);
  assert.deepEqual(await namesOf({ addCapabilities: ['b', 'a'] }), ['a', 'b']);
  assert.deepEqual(await namesOf({ capabilities: ['c'], addCapabilities: ['b'] }), ['c', 'b']);
  assert.deepEqual(await namesOf({ capabilities: [] }), []);
});

test("blocks are those of the work's pipeline, else of the subagent's, else the usual ones with its verify", async (t) => {
  const place = await placeForTests(t, {
    ...declared,
    checked: { ...shell, name: 'checked', verify: { command: ['c'] } },
  });
  await registerPipeline(place.storage, 'default', { schemaVersion: 1, id: 'bare', blocks: [{ kind: 'agent' }] });

  const bare = await resolveWork(place, work({ pipeline: 'bare' }));
  const checked = await resolveWork(place, work({ subagent: 'checked' }));

  assert.deepEqual(bare.blocks, [{ kind: 'agent' }]);
  assert.equal(bare.pipeline?.name, 'bare');
  assert.deepEqual(
    checked.blocks.map(({ kind }) => kind),
    ['agent', 'capture', 'script', 'capture'],
  );
});

test('the model is the one of the work, of the subagent, or the usual one; a command has none', async (t) => {
  const place = await placeForTests(t, {
    ...declared,
    plain: { name: 'plain', runtime: 'claude-code', systemPrompt: 'x' },
  });
  const usual = { ...place, defaults: { model: 'max' } };

  assert.equal((await resolveWork(usual, work({ subagent: 'asker', model: 'standard' }))).model, 'standard');
  assert.equal((await resolveWork(usual, work({ subagent: 'asker' }))).model, 'fast');
  assert.equal((await resolveWork(usual, work({ subagent: 'plain' }))).model, 'max');
  assert.equal((await resolveWork(usual, work({}))).model, undefined);
  await assert.rejects(
    resolveWork(usual, work({ model: 'max' })),
    fails('invalid-input', /subagent "shell" is a command/),
  );
});

test('the network is what was asked, else what is needed; a need that would be denied is refused', async (t) => {
  const place = await placeForTests(t, { ...declared, online: { ...shell, name: 'online', network: 'internet' } });
  const networkOf = async (fields: object) => (await resolveWork(place, work(fields))).network;

  assert.equal(await networkOf({}), 'none');
  assert.equal(await networkOf({ network: 'internet' }), 'internet');
  assert.equal(await networkOf({ subagent: 'asker' }), 'internet');
  assert.equal(await networkOf({ subagent: 'online' }), 'internet');
  await assert.rejects(
    networkOf({ subagent: 'asker', network: 'none' }),
    fails('refused', /runtime claude-code needs/),
  );
  await assert.rejects(
    networkOf({ subagent: 'online', network: 'none' }),
    fails('refused', /it declares that it needs/),
  );
});

test('credentials in clear are refused with their place, never with themselves', async (t) => {
  const place = await placeForTests(t, declared);
  const key = ['ghp', 'a1'.repeat(18)].join('_');

  for (const [fields, where] of [
    [{ input: { deep: [{ token: key }] } }, 'input.deep[0].token'],
    [{ variables: { TOKEN: key } }, 'variables.TOKEN'],
  ] as const) {
    await assert.rejects(
      resolveWork(place, work(fields)),
      (error) => isAppError(error, 'refused') && error.message.includes(where) && !error.message.includes(key),
    );
  }
});

test('an unknown subagent names the one of the config that may be meant', async (t) => {
  const place = await placeForTests(t, declared);

  await assert.rejects(resolveWork(place, work({ subagent: 'shel' })), fails('unknown-name', /did you mean "shell"/));
});

test('a subagent of the config is stored, and found again by its digest', async (t) => {
  const place = await placeForTests(t, declared);
  const { subagent } = await resolveWork(place, work({}));

  const pinned = await resolveWork({ ...place, declared: {} }, work({ subagent: `shell@${subagent.digest}` }));

  assert.deepEqual(pinned.subagent.subagent, shell);
});
