import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { dockerHostEngine } from './docker-host.ts';

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A registry that hands out identity tokens takes more than one program: what the engine is given is looked at instead. */
test('an identity token goes to the engine as one, with the registry that it is for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-host-logins-'));
  const path = join(folder, 'socket');
  const asked = new Map<string, IncomingHttpHeaders>();
  const server = createServer((request, response) => {
    asked.set(new URL(request.url ?? '', 'http://engine').pathname.split('/').at(-1) ?? '', request.headers);
    request.resume().on('end', () => response.end('{"error": "seen"}'));
  }).listen(path);
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  });
  await waitUntil('the socket', () => server.listening);
  const engine = dockerHostEngine({ endpoint: { kind: 'unix', path, source: 'test' } });
  const login = { identityToken: 'long' };
  const given = (name: string, header: string) =>
    JSON.parse(Buffer.from(String(asked.get(name)?.[header]), 'base64').toString('utf8')) as unknown;
  const settings = { dockerfile: 'Dockerfile', args: {}, labels: {}, target: undefined, tag: 'a', useCache: true };

  await assert.rejects(engine.pull('a.example/b:1', { login }), /seen/);
  await assert.rejects(engine.push('library/b:1', { login }), /seen/);
  await assert.rejects(
    engine.build(nothing(), { ...settings, pullBase: false, logins: { 'a.example': login } }),
    /seen/,
  );

  const auth = { identitytoken: 'long', serveraddress: 'a.example' };
  assert.deepEqual(given('create', 'x-registry-auth'), auth);
  assert.deepEqual(given('push', 'x-registry-auth'), { ...auth, serveraddress: 'https://index.docker.io/v1/' });
  assert.deepEqual(given('build', 'x-registry-config'), { 'a.example': auth });
});
