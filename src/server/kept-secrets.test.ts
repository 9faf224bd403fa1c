import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy, makePrivateKey, publicKeyText, signText } from '../base/fleet-keys.ts';
import { openSealedText } from '../base/sealed-box.ts';
import { isAppError } from '../contracts/errors.ts';
import { emptyHostSpec } from '../contracts/host-spec.ts';
import { FleetServer } from './server.ts';
import { nonce, startServer, TestAgent, type TestServer } from './suite-server.ts';

const secret = 'kept-from-everybody-else';
const ref = 'env:TOKEN';
const params = { host: 'box' };
const spec = { ...emptyHostSpec, workspaces: { web: { image: 'web', secrets: { TOKEN: ref } } } };

interface WithSecret extends TestServer {
  readonly agent: TestAgent;
  readonly lines: string[];
}

/** A server with a host that has a secret declared. */
async function withSecret(t: TestContext): Promise<WithSecret> {
  const lines: string[] = [];
  const served = await startServer(t, { log: (line) => void lines.push(line) });
  const { joinToken } = await served.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(served.url);
  await agent.register({ joinToken });
  await served.admin.call('applySpec', { params, body: { spec, secrets: { [ref]: secret } } });
  return { ...served, agent, lines };
}

async function told(agent: TestAgent, etag = 'none') {
  const response = await agent.client.send('desired', {}, { headers: { 'if-none-match': etag } });
  const { state, signature } = (await response.json()) as Awaited<ReturnType<typeof agent.client.call<'desired'>>>;
  return { state, signature, etag: response.headers.get('etag') ?? '' };
}

const opened = (agent: TestAgent, { state }: Awaited<ReturnType<typeof told>>) => {
  const box = state.sealed[ref];
  return box && openSealedText(agent.sealing, box, ref);
};

test('after its host made new keys a secret is open to those, and not to the keys before', async (t) => {
  const { url, admin, agent } = await withSecret(t);
  const before = await told(agent);
  assert.equal(opened(agent, before), secret);
  await admin.call('rotateHost', { params });
  const next = new TestAgent(url);
  const publicKey = publicKeyText(next.key);
  const { challenge } = await admin.call('hello', { body: { protocol: 1, nonce: nonce() } });
  const signature = signText(agent.key, canonicalize({ publicKey, challenge }));
  await next.register({ challenge, previous: { publicKey: publicKeyText(agent.key), signature } });

  const after = await told(next, before.etag);

  assert.equal(after.state.revision, before.state.revision);
  assert.deepEqual([opened(next, after), opened(agent, after)], [secret, undefined]);
  assert.deepEqual(after.state.secretDigests, before.state.secretDigests);
  await assert.rejects(agent.client.call('desired', {}), (error) => isAppError(error, 'unauthenticated'));
});

test('a server with another identity tells the same secrets under its own signature', async (t) => {
  const { folder, agent, restart } = await withSecret(t);
  const before = await told(agent);
  const identity = makePrivateKey('ed25519');

  await writeFile(join(folder, 'server.pem'), identity.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const again = new TestAgent((await restart()).url, agent);
  await again.register();

  const after = await told(again);
  assert.equal(opened(again, after), secret);
  assert.deepEqual(after.state.secretDigests, before.state.secretDigests);
  assert.ok(isSignedBy(publicKeyText(identity), canonicalize(after.state), after.signature));
});

test('without the key of its secrets a server says so and gives none; what is declared anew is told', async (t) => {
  const { folder, agent, lines, restart } = await withSecret(t);
  await writeFile(join(folder, 'at-rest.key'), randomBytes(32).toString('hex'), { mode: 0o600 });

  const { url, admin } = await restart();
  const again = new TestAgent(url, agent);
  await again.register();

  assert.match(lines.join('\n'), /at-rest\.key is not the key of the secrets/);
  await assert.rejects(told(again), (error) => isAppError(error, 'state-corrupt') && /--again/.test(error.next ?? ''));
  const { change } = await admin.call('getHost', { params });
  assert.equal(change?.times.delivered, undefined);
  assert.deepEqual((await admin.call('getSpec', { params })).spec.workspaces['web']?.secrets, { TOKEN: ref });
  await admin.call('applySpec', { params, body: { spec, secrets: { [ref]: 'another' }, again: true } });
  assert.equal(opened(again, await told(again)), 'another');
});

test('a key that is gone from beside its database is not made anew', async (t) => {
  const { folder, server } = await withSecret(t);
  await server.close();

  for (const name of ['server.pem', 'at-rest.key']) {
    const key = await readFile(join(folder, name));
    await rm(join(folder, name));
    const another = new FleetServer({ dataFolder: folder, version: '0.0.0', log: () => {} });
    await assert.rejects(another.listen({ host: '127.0.0.1', port: 0 }), (error) => isAppError(error, 'state-corrupt'));
    assert.ok(!(await readdir(folder)).includes(name));
    await writeFile(join(folder, name), key, { mode: 0o600 });
  }
});
