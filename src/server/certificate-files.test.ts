import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { waitUntil } from '../base/deadline.ts';
import { CertificateFiles, type TlsOptions } from './certificate-files.ts';
import { FleetServer } from './server.ts';

interface CertificateFolder {
  readonly folder: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Puts another certificate of this name there. */
  renew(commonName: string): Promise<void>;
}

async function aCertificate(t: TestContext): Promise<CertificateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-certificate-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [certificateFile, keyFile] = [join(folder, 'chain.pem'), join(folder, 'key.pem')];
  const renew = async (commonName: string) => {
    const [cert, key] = [join(folder, 'new-chain.pem'), join(folder, 'new-key.pem')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    await promisify(execFile)('openssl', [...made, '-keyout', key, '-out', cert, '-subj', `/CN=${commonName}`]);
    await copyFile(cert, certificateFile);
    await copyFile(key, keyFile);
  };
  await renew('first');
  return { folder, certificateFile, keyFile, renew };
}

async function open(t: TestContext, port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

/** Asks on a connection that is open. */
async function statusOn(socket: TLSSocket): Promise<number | undefined> {
  const asked = request({ createConnection: () => socket, path: '/healthz', headers: { connection: 'keep-alive' } });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('a renewed certificate is used for new connections, and those that are open go on', async (t) => {
  const files = await aCertificate(t);
  const lines: string[] = [];
  const server = new FleetServer({
    dataFolder: files.folder,
    version: '0.0.0',
    tls: files,
    log: (line) => void lines.push(line),
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const old = await open(t, port);

  await files.renew('second');
  await server.refreshCertificate();

  assert.equal(nameOf(await open(t, port)), 'second');
  assert.deepEqual([nameOf(old), await statusOn(old)], ['first', 200]);
  assert.match(lines.join('\n'), /^The certificate in ".*chain\.pem" is a new one, used from now on, until 20\d\d-/m);
});

test('a certificate that cannot be used is told once, and the one before is used until there is a whole one', async (t) => {
  const files = await aCertificate(t);
  const [applied, lines] = [[] as TlsOptions[], [] as string[]];
  const use = {
    apply: (options: TlsOptions) => void applied.push(options),
    log: (line: string) => void lines.push(line),
  };
  const certificate = new CertificateFiles(files, () => 0);
  await certificate.read();

  await certificate.refresh(use);
  for (let times = 0; times < 3; times += 1) {
    await writeFile(files.certificateFile, '-----BEGIN CERTIFICATE-----\nhalf');
    await certificate.refresh(use);
  }
  await rm(files.keyFile);
  await certificate.refresh(use);
  assert.deepEqual(applied, []);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^Cannot use certificate .*; the certificate before stays in use$/);
  assert.match(lines[1] ?? '', /^Cannot read certificate file ".*key\.pem": ENOENT; /);

  await files.renew('second');
  await certificate.refresh(use);
  assert.equal(applied.length, 1);
});

test('files that change are noticed without being told', async (t) => {
  const files = await aCertificate(t);
  const ending = new AbortController();
  const applied: TlsOptions[] = [];
  const certificate = new CertificateFiles(files);
  await certificate.read();
  const use = { apply: (options: TlsOptions) => void applied.push(options), log: () => {} };
  const followed = certificate.follow(use, { everyMs: 5, signal: ending.signal });

  await files.renew('second');
  await waitUntil('the new one', () => applied.length === 1);

  ending.abort();
  await followed;
});

test('a certificate that ends soon, or has, is told each day', async (t) => {
  const files = await aCertificate(t);
  const lines: string[] = [];
  const use = { apply: () => {}, log: (line: string) => void lines.push(line) };
  const dayMs = 86_400_000;
  let now = Date.now() - 20 * dayMs;
  const certificate = new CertificateFiles(files, () => now);
  await certificate.read();

  await certificate.refresh(use);
  assert.deepEqual(lines, []);
  for (const days of [15, 0, 10]) {
    now += days * dayMs;
    await certificate.refresh(use);
  }

  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /ends soon, at 20\d\d-.*: put a new one there$/);
  assert.match(lines[1] ?? '', /has expired, at /);
});
