import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkMachine } from './machine-checks.ts';

async function aFolder(t: TestContext, config?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-doctor-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  if (config !== undefined) await writeFile(join(folder, 'agora.config.mjs'), config);
  return folder;
}

async function checkOf(name: string, cwd: string, env: Readonly<Record<string, string>> = {}) {
  const { checks, canRunItems } = await checkMachine({ env, cwd, config: undefined });
  return { check: checks.find((check) => check.name === name), canRunItems };
}

test('a config that cannot be loaded is what a machine lacks, with the line and the reason', async (t) => {
  const cwd = await aFolder(t, '\nthrow new Error("not today");');

  const { check, canRunItems } = await checkOf('config', cwd);

  assert.deepEqual([check?.state, canRunItems], ['miss', false]);
  assert.match(check?.detail ?? '', /agora\.config\.mjs:2": not today/);
  assert.match(check?.next ?? '', /^correct /);
});

test('a config that loads is there, and none at all is no lack', async (t) => {
  const some = await checkOf('config', await aFolder(t, 'export const client = {};'));
  const none = await checkOf('config', await aFolder(t));

  assert.deepEqual([some.check?.state, none.check?.state], ['pass', 'note']);
});

test('an engine that can be none is a lack among the others, not the end of the report', async (t) => {
  const { check, canRunItems } = await checkOf('engine', await aFolder(t), { DOCKER_HOST: 'bogus' });

  assert.deepEqual([check?.state, canRunItems], ['miss', false]);
  assert.match(check?.detail ?? '', /"bogus" from DOCKER_HOST/);
});

test('an engine of another machine that is slow to refuse is a lack, with why, whatever runs here', async (t) => {
  const folder = await aFolder(t);
  const ssh = '#!/bin/sh\nsleep 5.2\necho "Host key verification failed." >&2\nexit 255\n';
  await writeFile(join(folder, 'ssh'), ssh, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  t.after(() => {
    process.env['PATH'] = before;
  });

  const { check, canRunItems } = await checkOf('engine', await aFolder(t), { DOCKER_HOST: 'ssh://me@far' });

  assert.deepEqual([check?.state, canRunItems], ['miss', false]);
  assert.match(check?.detail ?? '', /"ssh:\/\/me@far": its host key is not known/);
  assert.match(check?.next ?? '', /`ssh me@far true` once/);
});
