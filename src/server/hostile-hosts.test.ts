import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fingerprintOf, publicKeyText } from '../base/fleet-keys.ts';
import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import { emptyHostSpec } from '../contracts/host-spec.ts';
import { ServerClient } from '../server-client/server-client.ts';
import { nonce, startServer, TestAgent } from './suite-server.ts';

const fails = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isAppError(error, code) && text.test(error.message);

test('a revoked key does not come back in another spelling', async (t) => {
  const { url, admin } = await startServer(t);
  const agent = new TestAgent(url);
  await agent.register();
  await admin.call('revokeHost', { params: { host: 'box' } });
  const key = publicKeyText(agent.key);
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const publicKey = key.slice(0, -1) + digits[digits.indexOf(key.slice(-1)) + 1];
  assert.deepEqual(Buffer.from(publicKey, 'base64url'), Buffer.from(key, 'base64url'));

  await assert.rejects(agent.register({ publicKey }), fails('invalid-input', /publicKey/));
  assert.equal((await admin.call('listHosts', {})).hosts.length, 1);
});

test('no host takes the id of another as its name', async (t) => {
  const { url, admin } = await startServer(t);
  const [first, second] = [new TestAgent(url), new TestAgent(url)];
  const { hostId } = await first.register();

  const { name } = await second.register({ name: hostId });
  assert.equal(name, `${hostId}-2`);
  const renamed = admin.call('changeHost', { params: { host: name }, body: { name: hostId } });
  await assert.rejects(renamed, fails('task-conflict', /has this name/));
  assert.equal((await admin.call('getHost', { params: { host: hostId } })).host.name, 'box');
});

test('a problem of any length is told of, and the host can be declared something else', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const params = { host: 'box' };
  await admin.call('applySpec', { params, body: { spec: emptyHostSpec } });
  await agent.client.call('desired', {});
  const problems = [{ name: 'web', message: 'x'.repeat(20_000) }];

  await agent.client.call('report', { body: { sequence: 1, revision: 1, problems } });

  const { change } = await admin.call('getHost', { params });
  assert.match(change?.problem ?? '', /^web: x+…$/);
  await admin.call('applySpec', { params, body: { spec: emptyHostSpec } });
});

test('what a host that took the place of another reports is news', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const [old, fresh] = [new TestAgent(url), new TestAgent(url)];
  await old.register({ joinToken });
  const problem = (message: string) => [{ name: 'web', message }];
  await old.client.call('report', { body: { sequence: 500, problems: problem('old') } });
  const { name } = await fresh.register({ name: 'fresh' });
  const fingerprint = fingerprintOf(publicKeyText(fresh.key));
  await admin.call('approveHost', { params: { host: name }, body: { fingerprint, replaces: 'box' } });
  await fresh.register();

  await fresh.client.call('report', { body: { sequence: 1, problems: problem('new') } });

  assert.deepEqual((await admin.call('getHost', { params: { host: 'box' } })).problems, problem('new'));
});

test('a spec whose secrets did not come is the mistake of who applied it', async (t) => {
  const failures: string[] = [];
  const { url, admin } = await startServer(t, { log: (line) => void failures.push(line) });
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  await new TestAgent(url).register({ joinToken });
  const web = { image: 'web', secrets: { TOKEN: 'env:TOKEN' } };
  const spec = { ...emptyHostSpec, workspaces: { web } };

  const applied = admin.call('applySpec', { params: { host: 'box' }, body: { spec } });
  await assert.rejects(applied, fails('secret-missing', /TOKEN/));
  assert.deepEqual(failures, []);
});

test('a request that was under way when its agent started again is refused, and no sign of a second agent', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const path = '/agent/v1/heartbeat';
  const body = JSON.stringify({ agentTime: new Date().toISOString(), engine: { isUp: true }, samples: [] });
  const late = agent.authorization({ method: 'POST', path, body });

  agent.forgetInstance();
  await agent.register();
  const headers = { authorization: late, 'content-type': 'application/json' };
  assert.equal((await fetch(`${url}${path}`, { method: 'POST', headers, body })).status, 401);

  assert.equal((await agent.heartbeat()).admission, 'admitted');
});

test('a host seen in a time to come is not online for that', async (t) => {
  let at = Date.parse('2026-01-01T12:00:00.000Z');
  const { url, admin } = await startServer(t, { now: () => new Date(at) });
  const agent = new TestAgent(url);
  await agent.register();
  const link = async () => (await admin.call('getHost', { params: { host: 'box' } })).host.link.link;

  at -= 3_600_000;
  assert.equal(await link(), 'unknown');
  await agent.heartbeat();
  assert.equal(await link(), 'online');
  at += 60_000;
  assert.equal(await link(), 'offline');
});

test('hosts that nobody approved and that went silent make room for others', async (t) => {
  let at = Date.parse('2026-01-01T12:00:00.000Z');
  const { url, admin } = await startServer(t, { now: () => new Date(at), mostPending: 3 });
  const names = ['a', 'b', 'c', 'd'];
  const agents = names.map(() => new TestAgent(url));
  const register = (index: number) =>
    agents[index]?.register({ name: names[index] ?? '', registrationToken: randomBytes(32).toString('hex') });
  for (const index of [0, 1, 2]) {
    at += 1_000;
    await register(index);
  }
  await assert.rejects(register(3) ?? Promise.resolve(), fails('limit-exceeded', /3 hosts wait/));

  at += 2 * 3_600_000;
  await agents[0]?.heartbeat();
  await register(3);

  const { hosts } = await admin.call('listHosts', {});
  assert.deepEqual(
    hosts.map(({ name }) => name),
    ['a', 'c', 'd'],
  );
});

test('an agent that the server does not know is told so, however much it was about to say', async (t) => {
  const { url } = await startServer(t);
  const sessionId = nonce();
  const authorize = () => `Agora-Agent ${sessionId} 1 ${'A'.repeat(86)}`;
  const client = new ServerClient({ url, authorize });
  const steps = Array.from({ length: 2_000 }, () => ({
    kind: 'pull-image' as const,
    name: 'web',
    reason: 'it is not there',
    state: 'failed' as const,
    message: 'x'.repeat(4_000),
  }));

  for (let times = 0; times < 10; times += 1) {
    const reported = client.call('report', { body: { sequence: 1, steps } });
    await assert.rejects(reported, fails('unauthenticated', /not known/));
  }
});

test('of two hosts that come at once with the last use of a join token, one is let in', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });

  const arrivals = Array.from({ length: 8 }, () => new TestAgent(url).register({ joinToken }));

  const told = await Promise.allSettled(arrivals);
  assert.equal(told.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal((await admin.call('listHosts', {})).hosts.length, 1);
});

test('no file of a server has a secret, a token of a user or a join token in clear', async (t) => {
  const { url, admin, adminToken, folder } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const secret = 'kept-from-everybody-else';
  const web = { image: 'web', secrets: { TOKEN: 'env:TOKEN' } };
  const body = { spec: { ...emptyHostSpec, workspaces: { web } }, secrets: { 'env:TOKEN': secret } };
  await admin.call('applySpec', { params: { host: 'box' }, body });
  await agent.client.call('desired', {});

  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  assert.ok(names.length >= 3);
  for (const { name } of names) {
    const bytes = await readFile(join(folder, name));
    for (const word of [secret, adminToken, joinToken]) assert.ok(!bytes.includes(word), name);
  }
});

test('a key that nothing can be kept secret with is no sealing key', async (t) => {
  const { url, admin } = await startServer(t);
  const one = Buffer.alloc(32);
  one[0] = 1;

  for (const weak of [Buffer.alloc(32), one]) {
    const registered = new TestAgent(url).register({ sealingKey: weak.toString('base64url') });
    await assert.rejects(registered, fails('invalid-input', /sealing key/));
  }
  assert.deepEqual((await admin.call('listHosts', {})).hosts, []);
});
