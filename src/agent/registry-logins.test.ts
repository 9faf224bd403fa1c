import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { loginFromHelper } from './credential-helper.ts';
import { dockerLogins, withProblems } from './registry-logins.ts';

const never = new AbortController().signal;
const auth = (text: string) => Buffer.from(text).toString('base64');
const hub = 'https://index.docker.io/v1/';

/** Helpers as scripts on a PATH of their own, and a config of docker that names them. */
async function aPlace(t: TestContext, config: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-logins-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify(config));
  const env = { PATH: `${folder}:/usr/bin:/bin`, FOLDER: folder };
  const helper = async (name: string, script: string) => {
    const path = join(folder, `docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  };
  return { folder, env, helper, logins: dockerLogins({ file, env }) };
}

const stateOf = (pid: string) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
const keeps = (username: string, secret: string) =>
  `read registry; echo "$1 $registry" >>"$FOLDER/asked"; printf '{"ServerURL":"%s","Username":"${username}","Secret":"${secret}"}' "$registry"`;
const keepsNothing = 'echo "credentials not found in native keychain"; exit 1';

test('a helper of the registry comes before the one for all, which comes before what the file has', async (t) => {
  const { folder, helper, logins } = await aPlace(t, {
    auths: { 'own.example': { auth: auth('file:word') }, 'kept.example': { auth: auth('file:word') }, [hub]: {} },
    credHelpers: { 'own.example': 'own', 'none.example': 'empty' },
    credsStore: 'store',
  });
  await helper('own', keeps('own', 'one'));
  await helper('empty', keepsNothing);
  await helper(
    'store',
    `case "$(cat)" in ${hub}) echo '{"Username":"<token>","Secret":"long"}';; *) ${keepsNothing};; esac`,
  );
  const loginFor = async (reference: string) => logins.forReference(reference, never);

  assert.deepEqual(await loginFor('own.example/a:1'), { login: { username: 'own', password: 'one' } });
  assert.deepEqual(await loginFor('kept.example/a'), { login: { username: 'file', password: 'word' } });
  assert.deepEqual(await loginFor('library/a:1'), { login: { identityToken: 'long' } });
  assert.deepEqual(await loginFor('none.example/a'), { login: undefined });
  assert.deepEqual(await loginFor('constructor.example/a'), { login: undefined });
  assert.equal(await readFile(join(folder, 'asked'), 'utf8'), 'get own.example\n');
});

test('for a build all registries are asked for that are written down or that the store lists', async (t) => {
  const { helper, logins } = await aPlace(t, {
    auths: { 'file.example': { auth: auth('file:word') } },
    credHelpers: { 'own.example': 'own', 'gone.example': 'nowhere' },
    credsStore: 'store',
  });
  await helper('own', keeps('own', 'one'));
  await helper(
    'store',
    `case $1 in list) echo '{"https://listed.example/v1/":"me"}';; get) case "$(cat)" in *listed*) echo '{"Username":"me","Secret":"two"}';; *) ${keepsNothing};; esac;; esac`,
  );

  assert.deepEqual(await logins.all(never), {
    logins: {
      'own.example': { username: 'own', password: 'one' },
      'file.example': { username: 'file', password: 'word' },
      'listed.example': { username: 'me', password: 'two' },
    },
    problems: ['Cannot ask "docker-credential-nowhere get": there is none on the PATH'],
  });
});

test('a helper that fails is told where the registry refuses, and never with what it said', async (t) => {
  const { helper, logins } = await aPlace(t, { credsStore: 'broken' });
  await helper('broken', 'echo "the password is hunter2"; echo hunter2 >&2; exit 3');

  const { login, problem } = await logins.forReference('a.example/b', never);
  const told = withProblems(new AppError('refused', 'Cannot pull', { next: 'Log in.' }), [problem ?? '']);

  assert.equal(login, undefined);
  assert.ok(isAppError(told, 'refused'));
  assert.equal(told.message, 'Cannot pull; Cannot ask "docker-credential-broken get": it ended with 3');
  const other = new AppError('disk-full', 'Cannot pull');
  assert.equal(withProblems(other, [problem ?? '']), other);
});

test('a helper that hangs, says too much or nothing that is a login is given up', async (t) => {
  const { folder, env, helper } = await aPlace(t);
  await helper('slow', 'sleep 1000 & echo $! >"$FOLDER/pid"; wait');
  await helper('endless', 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done');
  await helper('wrong', 'echo \'{"Username": 1}\'');
  await helper('text', 'echo hunter2');
  const problemOf = async (name: string, timeoutMs = 5_000) =>
    loginFromHelper(name, 'a.example', { env, timeoutMs }).catch((error: Error) => error.message);

  assert.match(String(await problemOf('slow', 300)), /ended after 0\.3 s$/);
  const pid = (await readFile(join(folder, 'pid'), 'utf8')).trim();
  // Whoever is to reap it may take its time.
  await waitUntil('its child to end', async () => /^$|\) Z /.test(await stateOf(pid)));
  assert.match(String(await problemOf('endless')), /^Cannot ask "docker-credential-endless get": /);
  assert.match(String(await problemOf('wrong')), /is no login$/);
  assert.match(String(await problemOf('text')), /is not JSON$/);
  assert.match(String(await problemOf('../../bin/sh')), /no helper has such a name$/);
  await assert.rejects(loginFromHelper('slow', 'a.example', { env, signal: AbortSignal.timeout(100) }), {
    name: 'TimeoutError',
  });
});
