import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';
import { engineForTests } from '../../test/support/engine.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import { parseEngineHost, resolveEngineEndpoint } from './endpoint.ts';

const run = promisify(execFile);
const { engine: local, skip } = await engineForTests();

const makeCertificates = `
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out ca.pem
for one in server client; do
  openssl req -newkey rsa:2048 -nodes -subj /CN=$one -keyout $one.key -out $one.csr
  printf 'subjectAltName=IP:127.0.0.1' >names
  openssl x509 -req -in $one.csr -CA ca.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out $one.pem
done
mv client.pem cert.pem
mv client.key key.pem`;

/** The engine of the tests behind TLS that wants a certificate of whoever comes. */
async function place(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-tls-'));
  await run('sh', ['-ec', makeCertificates], { cwd: folder });
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'server.pem', 'server.key'].map((name) => readFile(join(folder, name))),
  );
  const path = (local?.address ?? '').replace('unix://', '');
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (socket) => {
    const far = connect(path);
    socket.on('error', () => far.destroy());
    far.on('error', () => socket.destroy());
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  return { folder, host: `tcp://127.0.0.1:${port}` };
}

describe('an engine behind TLS', { skip }, () => {
  test('is reached with the certificates of DOCKER_CERT_PATH', async (t) => {
    const { folder, host } = await place(t);
    const env = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder };

    const endpoint = await resolveEngineEndpoint({ env, homeDirectory: '/nowhere' });

    const engine = dockerEngine({ endpoint: endpoint ?? assert.fail() });
    assert.deepEqual(await engine.information(), await local?.information());
  });

  test('is refused where it or we cannot prove who we are', async (t) => {
    const { folder, host } = await place(t);
    const stranger = await place(t);
    const refused = (error: unknown) =>
      isAppError(error, 'refused') && /trust each other's certificates/.test(error.message);

    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost(host, 'x', { certificates: stranger.folder }) }).ping(),
      refused,
    );
    await rename(join(folder, 'cert.pem'), join(folder, 'cert.old'));
    await rename(join(folder, 'key.pem'), join(folder, 'key.old'));
    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost(host, 'x', { certificates: folder }) }).ping(),
      refused,
    );
  });

  test('is not asked for while a certificate is missing', async (t) => {
    const { folder, host } = await place(t);
    await rename(join(folder, 'key.pem'), join(folder, 'key.old'));

    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost(host, 'x', { certificates: folder }) }).ping(),
      (error) => isAppError(error, 'invalid-config') && /there is no key.pem/.test(error.message),
    );
    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost(host, 'x', { certificates: tmpdir() }) }).ping(),
      (error) => isAppError(error, 'invalid-config') && /there is no ca.pem/.test(error.message),
    );
  });
});
