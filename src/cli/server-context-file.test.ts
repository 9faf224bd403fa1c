import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { contextsFile, readContexts, writeContexts } from './server-context-file.ts';

async function aHome(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'agora-home-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

const some = { schemaVersion: 1, current: 'a', contexts: { a: { url: 'http://a', token: 't', user: 'u' } } } as const;

test('contexts lie below the folder for configs, whole and for their owner only', async (t) => {
  const home = await aHome(t);
  const file = contextsFile({ HOME: home });

  assert.equal(file, join(home, '.config/agora/contexts.json'));
  assert.equal(contextsFile({ HOME: home, XDG_CONFIG_HOME: '/x' }), '/x/agora/contexts.json');
  assert.deepEqual(await readContexts(file), { schemaVersion: 1, contexts: {} });
  await writeContexts(file, some);
  assert.deepEqual(await readContexts(file), some);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a file that others can read, or that is no such file, is refused and says what to do', async (t) => {
  const file = join(await aHome(t), 'contexts.json');
  await writeContexts(file, some);
  await chmod(file, 0o644);
  await assert.rejects(
    readContexts(file),
    (error) => isAppError(error, 'refused') && /chmod 600/.test(error.next ?? ''),
  );

  for (const text of ['', '{', '[]', '{"schemaVersion":2,"contexts":{}}', '{"schemaVersion":1,"contexts":{"a":{}}}']) {
    await writeFile(file, text);
    await chmod(file, 0o600);
    await assert.rejects(readContexts(file), (error) => isAppError(error, 'invalid-config'), text);
  }
});
