import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { describeEndpoint, parseEngineHost, resolveEngineEndpoint } from './endpoint.ts';

const home = await mkdtemp(join(tmpdir(), 'agora-home-'));
after(() => rm(home, { recursive: true, force: true }));

async function aContext(homeDirectory: string, name: string, host: string): Promise<void> {
  const folder = join(homeDirectory, '.docker/contexts/meta', createHash('sha256').update(name).digest('hex'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}

test('DOCKER_HOST decides before contexts and sockets', async () => {
  const env = { DOCKER_HOST: 'unix:///run/mine.sock', DOCKER_CONTEXT: 'other' };

  const endpoint = await resolveEngineEndpoint({ env, homeDirectory: home });

  assert.deepEqual(endpoint, { kind: 'unix', path: '/run/mine.sock', source: 'DOCKER_HOST' });
});

test('the chosen context decides before the current one, and the current one before sockets', async () => {
  const homeDirectory = await mkdtemp(join(home, 'user-'));
  await aContext(homeDirectory, 'current', 'unix:///run/current.sock');
  await aContext(homeDirectory, 'chosen', 'tcp://127.0.0.1:2376');
  await writeFile(join(homeDirectory, '.docker/config.json'), JSON.stringify({ currentContext: 'current', auths: {} }));

  const current = await resolveEngineEndpoint({ env: {}, homeDirectory });
  const chosen = await resolveEngineEndpoint({ env: { DOCKER_CONTEXT: 'chosen' }, homeDirectory });

  assert.deepEqual(current, { kind: 'unix', path: '/run/current.sock', source: 'docker context "current"' });
  assert.deepEqual(chosen, { kind: 'tcp', host: '127.0.0.1', port: 2376, source: 'docker context "chosen"' });
});

test('a context that does not exist is an error and not another engine', async () => {
  const found = resolveEngineEndpoint({ env: { DOCKER_CONTEXT: 'gone' }, homeDirectory: home });

  await assert.rejects(found, (error) => isAppError(error, 'invalid-config'));
});

test('without a name the first default socket that is there is taken, and none is none', async () => {
  const path = join(home, 'engine.sock');
  const server = createServer().listen(path);
  await waitUntil('the socket', () => server.listening);
  const inputs = { env: { DOCKER_CONTEXT: 'default' }, homeDirectory: home };

  const found = await resolveEngineEndpoint({ ...inputs, defaultSockets: [join(home, 'none.sock'), path] });
  server.close();

  assert.deepEqual(found, { kind: 'unix', path, source: 'default socket' });
  assert.equal(await resolveEngineEndpoint({ ...inputs, defaultSockets: [join(home, 'none.sock')] }), undefined);
});

test('hosts that cannot be used are refused with what works', () => {
  for (const host of ['tcp://', 'tcp://box:99999', 'npipe:////./pipe/docker', 'unix://', 'nonsense']) {
    const isRefused = (error: unknown) =>
      isAppError(error, 'invalid-config') && /ssh:\/\/user@host/.test(error.next ?? '');
    assert.throws(() => parseEngineHost(host, 'DOCKER_HOST'), isRefused, host);
  }
});

test('another machine is reached over tcp with certificates only', async () => {
  const env = { DOCKER_HOST: 'tcp://10.0.0.1', DOCKER_TLS_VERIFY: '1', DOCKER_CONFIG: '/run/docker-config' };

  const endpoint = await resolveEngineEndpoint({ env, homeDirectory: home });

  const tcp = { kind: 'tcp', host: '10.0.0.1', port: 2376, certificates: '/run/docker-config', source: 'DOCKER_HOST' };
  assert.deepEqual(endpoint, tcp);
  assert.throws(() => parseEngineHost('tcp://10.0.0.1:2376', 'DOCKER_HOST'), { code: 'invalid-config' });
});

test('another machine is reached over tcp in plain only where that is said to be meant', async () => {
  const env = { DOCKER_HOST: 'tcp://10.0.0.1:2375' };

  const asked = resolveEngineEndpoint({ env, homeDirectory: home });
  const meant = await resolveEngineEndpoint({ env: { ...env, AGORA_INSECURE_ENGINE: '1' }, homeDirectory: home });

  await assert.rejects(asked, (error) => {
    assert.ok(isAppError(error, 'invalid-config'));
    assert.match(error.message, /"tcp:\/\/10\.0\.0\.1:2375" from DOCKER_HOST: .* neither encrypted nor authenticated/);
    assert.match(error.next ?? '', /ssh:\/\/user@host, .*DOCKER_CERT_PATH.*--insecure/);
    return true;
  });
  assert.deepEqual(meant, { kind: 'tcp', host: '10.0.0.1', port: 2375, source: 'DOCKER_HOST' });
});

test('the certificates of a docker context are found beside it', async () => {
  const homeDirectory = await mkdtemp(join(home, 'user-'));
  await aContext(homeDirectory, 'far', 'tcp://10.0.0.1:2376');
  const folder = join(
    homeDirectory,
    '.docker/contexts/tls',
    createHash('sha256').update('far').digest('hex'),
    'docker',
  );
  await mkdir(folder, { recursive: true });

  const endpoint = await resolveEngineEndpoint({ env: { DOCKER_CONTEXT: 'far' }, homeDirectory });

  assert.ok(endpoint?.kind === 'tcp');
  assert.equal(endpoint.certificates, folder);
});

test('a machine that is reached over ssh is described as it is written', () => {
  assert.equal(describeEndpoint(parseEngineHost('ssh://me@box:2222', 'test')), 'ssh://me@box:2222');
});

test('a loopback address of version 6 is described as it is written', () => {
  assert.equal(describeEndpoint(parseEngineHost('tcp://[::1]:2375', 'test')), 'tcp://[::1]:2375');
});
