import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig, readConfigFile, writeFirstConfig } from './config-file.ts';

const parse = (text: string) => parseConfig(Buffer.from(text), 'c.yml');

test("the seed's minimal config is read, and keys of a server are passed over", () => {
  const text = 'server_url: http://server-host:8090\ndeployment_name: gpu-box-1\ndata_directory: x\nlicense_key: y\n';

  const { server_url, deployment_name } = parse(text);

  assert.deepEqual(
    { server_url, deployment_name },
    { server_url: 'http://server-host:8090', deployment_name: 'gpu-box-1' },
  );
  assert.deepEqual(parse(''), {});
});

test('what is wrong is told with its line', () => {
  const refusals: Readonly<Record<string, RegExp>> = {
    '# one\nserver_ur: x\n': /line 2: unknown key "server_ur" \(did you mean "server_url"\?\)/,
    'a: 1\na: 2\n': /line 2: /,
    'log_max_size: big\n': /line 1: "log_max_size"/,
    '\n\ndeployment_name: "a b"\n': /line 3: "deployment_name": must be 1 to 63/,
    '- a\n': /line 1: it must be keys and values/,
    'server_url: [\n': /line \d: /,
  };

  for (const [text, message] of Object.entries(refusals)) {
    assert.throws(() => parse(text), { code: 'invalid-config', message });
  }
});

test('a first config is written for its owner only, reads as it was given, and replaces none', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-config-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'made/config.yml');
  const given = { server_url: 'http://a:1', build_directory: '/tmp/"x"', log_max_size: 4096 };

  assert.equal(await readConfigFile(file), undefined);
  assert.equal(await writeFirstConfig(file, given), true);
  assert.equal(await writeFirstConfig(file, { server_url: 'http://b:1' }), false);

  assert.deepEqual(await readConfigFile(file), given);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.match(await readFile(file, 'utf8'), /^# /);
});
