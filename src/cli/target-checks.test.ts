import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { checkTarget } from './target-checks.ts';

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-target-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function missesOf(address: string, patienceMs: number): Promise<string[]> {
  const { checks, canRunItems } = await checkTarget({ address, env: {}, isSmoked: true, patienceMs });
  assert.equal(canRunItems, false);
  return checks.filter(({ state }) => state === 'miss').map(({ name, detail }) => `${name}: ${detail}`);
}

test('an engine that takes a call and never answers is a leg that does not hold', async (t) => {
  const path = join(await aFolder(t), 'engine.sock');
  const server = createServer(() => undefined).listen(path);
  await waitUntil('the socket', () => server.listening);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });

  assert.deepEqual(await missesOf(`unix://${path}`, 300), [`engine: unix://${path} does not answer in time`]);
});

test('an ssh that neither gets there nor gives up is a leg that does not hold', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'ssh'), '#!/bin/sh\n[ "$1" = -G ] && echo proxyjump x || exec sleep 60\n', {
    mode: 0o755,
  });
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  t.after(() => {
    process.env['PATH'] = before;
  });

  assert.deepEqual(await missesOf('ssh://far', 500), ['ssh: Cannot reach "ssh://far": it does not answer in time']);
});
