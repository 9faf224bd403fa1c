import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { startSsh } from './ssh-process.ts';
import { parseSshTarget } from './ssh-target.ts';

const patience = { timeoutMs: 20_000, intervalMs: 20 };

/** Puts a script in the place of ssh; gives a folder for it. */
async function withSsh(t: TestContext, script: string): Promise<string> {
  const programs = await mkdtemp(join(tmpdir(), 'agora-fake-ssh-'));
  await writeFile(join(programs, 'ssh'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = `${programs}:${before}`;
  t.after(async () => {
    process.env['PATH'] = before;
    await rm(programs, { recursive: true, force: true });
  });
  return mkdtemp(join(tmpdir(), 'agora-ssh-'));
}

test('ssh is ended also where it misses the first signal, and its folder goes', async (t) => {
  const up = join(tmpdir(), `agora-up-${process.pid}`);
  t.after(() => rm(up, { force: true }));
  const folder = await withSsh(
    t,
    `trap 'trap "exit 3" TERM' TERM; touch ${up}; n=0; while [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done`,
  );
  const child = startSsh(parseSshTarget('ssh://far'), [], folder);
  await waitUntil('its start', () => existsSync(up), patience);

  const askedAt = performance.now();
  child.end();
  const { message } = await child.ended;

  assert.match(message, /ended with 3/);
  assert.ok(performance.now() - askedAt < 15_000);
  assert.equal(existsSync(folder), false);
});

test('why ssh ended by itself is told, and its folder goes', async (t) => {
  const folder = await withSsh(t, 'echo "Host key verification failed." >&2; exit 255');

  const { message } = await startSsh(parseSshTarget('ssh://far'), [], folder).ended;

  assert.match(message, /its host key is not known/);
  assert.equal(existsSync(folder), false);
});
