import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { loadConfig, loadOrch } from './load-config.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-load-config-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function config(name: string, ...lines: string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join('\n'));
  return path;
}

const orch = 'export const orch = { transport: {}, storage: {}, declarations: {}, runService: async () => {} };';

test('the default export is the client, else the one named client', async () => {
  const both = await loadConfig(await config('both.mjs', 'export default 1; export const client = 2;'));
  const named = await loadConfig(await config('named.mjs', 'export const client = 2;'));

  assert.deepEqual([both.client, named.client], [1, 2]);
});

test('a config that never gets to its end is given up, with what to look at', async () => {
  const path = await config('endless.mjs', 'export default await new Promise(() => {});');

  await assert.rejects(loadConfig(path, 50), {
    code: 'invalid-config',
    message: `Cannot load config "${path}": it is not loaded after 0.05 s`,
  });
});

test('orch is an export', async () => {
  const { transport } = await loadOrch(await config('orch.mjs', orch));

  assert.deepEqual(transport, {});
});

test('a default export made by defineConfig brings its orch, with state beside the config', async () => {
  const path = await config(
    'defined.mjs',
    'import { defineConfig } from "agora-offload";',
    'export default defineConfig({ source: "files", queues: { slow: { concurrency: 1 } } });',
  );

  const { declarations, trust } = await loadOrch(path);

  assert.deepEqual(
    [declarations.source, declarations.queues['slow'], trust],
    [join(folder, 'files'), { concurrency: 1 }, join(folder, '.agora', 'trust.json')],
  );
  assert.equal(existsSync(join(folder, '.agora')), false);
});

test('a config without orch is an error with the file, its exports and the fix', async () => {
  const path = await config('without.mjs', 'export default 1; export const client = 2;');

  await assert.rejects(loadOrch(path), (error) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'invalid-config');
    assert.equal(error.message, `Cannot use config "${path}": it has no "orch" export, it exports "client", "default"`);
    assert.match(error.next ?? '', /export const orch/);
    return true;
  });
});

test('an orch that lacks a part is an error that names it', async () => {
  const path = await config('lacking.mjs', 'export const orch = { transport: {}, storage: {} };');

  await assert.rejects(loadOrch(path), { message: /its "orch" lacks declarations, runService/ });
});

test('an orch whose anchors are no list is an error that names them', async () => {
  const parts = 'transport: {}, storage: {}, declarations: {}, runService() {}';
  const path = await config('anchor.mjs', `export const orch = { ${parts}, anchors: {} };`);

  await assert.rejects(loadOrch(path), { message: /the "anchors" of its "orch" are not a list/ });
});

test('a syntax error names its file and line', async () => {
  const path = await config('syntax.mjs', 'export const a = 1;', 'export default {', '  b: [1,', '};');

  await assert.rejects(loadConfig(path), {
    code: 'invalid-config',
    message: `Cannot load config "${path}:4": Unexpected token '}'`,
  });
});

test('an error in TypeScript names its file and line', async () => {
  const path = await config('enum.ts', 'const a: number = 1;', 'enum X { A }', 'export default a;');

  await assert.rejects(loadConfig(path), { message: new RegExp(`^Cannot load config "${path}:2": TypeScript enum`) });
});

test('an exception while loading names its file and line', async () => {
  const path = await config('throws.mjs', '', '', 'throw new TypeError("no");');

  await assert.rejects(loadConfig(path), { message: `Cannot load config "${path}:3": no` });
});

test('a config in any folder gets this copy of agora-offload and of dockerode', async () => {
  const path = await config(
    'resolves.mjs',
    'export const own = import.meta.resolve("agora-offload");',
    'export const dockerode = import.meta.resolve("dockerode");',
    'export default { own, dockerode };',
  );

  const { client } = await loadConfig(path);

  assert.deepEqual(client, {
    own: new URL('../index.ts', import.meta.url).href,
    dockerode: import.meta.resolve('dockerode'),
  });
});
