import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { canonicalize } from '../base/canonical-json.ts';
import { fingerprintOf, makePrivateKey, publicKeyText, signText } from '../base/fleet-keys.ts';
import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import { ServerClient } from '../server-client/server-client.ts';
import { nonce, startServer, TestAgent } from './suite-server.ts';

const fails = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isAppError(error, code) && text.test(error.message);

test('a host without a join token waits until an admin approves the fingerprint they compared', async (t) => {
  const { url, admin, server } = await startServer(t);
  const agent = new TestAgent(url);

  const { admission, name } = await agent.register();
  assert.deepEqual([admission, name], ['pending', 'box']);
  await assert.rejects(agent.client.call('desired', {}), fails('refused', /waits for approval/));
  await assert.rejects(
    admin.call('approveHost', { params: { host: 'box' }, body: { fingerprint: 'aaaa-aaaa-aaaa-aaaa' } }),
    fails('refused', /fingerprint is not/),
  );
  const fingerprint = fingerprintOf(publicKeyText(agent.key));
  await admin.call('approveHost', { params: { host: 'box' }, body: { fingerprint } });

  assert.equal((await agent.heartbeat()).admission, 'admitted');
  const { hosts } = await admin.call('listHosts', {});
  assert.deepEqual(
    hosts.map((host) => [host.name, host.fingerprint, host.link.link]),
    [['box', fingerprint, 'online']],
  );
  assert.match(server.fingerprint, /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
});

test('a join token admits at once, as often as it says, and a wrong one not even as pending', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: { uses: 1 } });
  const [first, second] = [new TestAgent(url), new TestAgent(url)];

  assert.equal((await first.register({ joinToken })).admission, 'admitted');
  assert.equal((await first.register({ joinToken })).admission, 'admitted');
  await assert.rejects(second.register({ joinToken }), fails('unauthenticated', /used up/));
  assert.equal((await admin.call('listHosts', {})).hosts.length, 1);
});

test('a registration that somebody heard and sends again begins no session, and ends none', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: { uses: 9 } });
  const agent = new TestAgent(url);
  const heard = await agent.registration({ joinToken });
  const eavesdropper = new ServerClient({ url });
  await eavesdropper.call('register', { body: heard });
  await agent.register();

  await assert.rejects(eavesdropper.call('register', { body: heard }), fails('unauthenticated', /used before/));

  assert.equal((await agent.heartbeat()).admission, 'admitted');
});

test('what was signed for another server, by another key, or for no challenge of ours is no registration', async (t) => {
  const { url, admin } = await startServer(t);
  const agent = new TestAgent(url);
  const challenge = nonce();

  await assert.rejects(agent.register({ challenge }), fails('unauthenticated', /challenge/));
  await assert.rejects(agent.register({}, { serverKey: nonce() }), fails('unauthenticated', /signature/));
  await assert.rejects(agent.register({}, { key: makePrivateKey('ed25519') }), fails('unauthenticated', /signature/));
  await assert.rejects(agent.register({ protocol: 99 }), fails('invalid-input', /protocol 99/));
  assert.deepEqual((await admin.call('listHosts', {})).hosts, []);
});

test('a request counts once, by who signed it, for what it says', async (t) => {
  const { url } = await startServer(t);
  const agent = new TestAgent(url);
  await agent.register();
  const path = '/agent/v1/heartbeat';
  const body = JSON.stringify({ agentTime: new Date().toISOString(), engine: { isUp: true }, samples: [] });
  const send = async (authorization: string, changed = body) => {
    const headers = { authorization, 'content-type': 'application/json' };
    return (await fetch(`${url}${path}`, { method: 'POST', headers, body: changed })).status;
  };
  const authorization = agent.authorization({ method: 'POST', path, body });

  assert.equal(await send(authorization, body.replace('true', 'false')), 401);
  assert.equal(await send(authorization), 200);
  assert.equal(await send(authorization), 401);
  assert.equal(await send(agent.authorization({ method: 'POST', path: '/agent/v1/report', body })), 401);
  assert.equal(await send(agent.authorization({ method: 'POST', path, body }, 1_000)), 200);
  assert.equal(await send(agent.authorization({ method: 'POST', path, body }, 900)), 200);
  assert.equal(await send(agent.authorization({ method: 'POST', path, body }, 1_000 - 256)), 401);
  assert.equal(await send('Agora-Agent x 1 y'), 401);
});

test('two machines of one name get two names, and a clone of a machine id is told', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: { uses: 9 } });
  const agents = [new TestAgent(url), new TestAgent(url), new TestAgent(url)];
  const registrationToken = randomBytes(32).toString('hex');

  const names = [];
  for (const agent of agents) names.push((await agent.register({ joinToken, registrationToken })).name);

  assert.deepEqual(names, ['box', 'box-2', 'box-3']);
  const { hosts } = await admin.call('listHosts', {});
  assert.deepEqual(
    hosts.map(({ sameMachineAs }) => sameMachineAs),
    ['box-2', 'box', 'box'],
  );
});

test('an agent that starts again is the same host; two that live with one key are held back', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  const [first, second, third] = [nonce(), nonce(), nonce()];
  const { hostId } = await agent.register({ joinToken, instanceId: first });

  for (const instanceId of [second, second, third]) {
    const again = await agent.register({ instanceId });
    assert.deepEqual([again.hostId, again.admission], [hostId, 'admitted']);
  }
  assert.equal((await agent.register({ instanceId: second })).admission, 'duplicate');

  await assert.rejects(agent.client.call('desired', {}), fails('refused', /duplicate/));
  const actions = (await admin.call('listActivity', {})).activity.map(({ action }) => action);
  assert.ok(actions.includes('host.duplicate'));
  const fingerprint = fingerprintOf(publicKeyText(agent.key));
  await admin.call('approveHost', { params: { host: 'box' }, body: { fingerprint } });
  // The one that is left, whichever it is, and though the other came last.
  assert.equal((await agent.register({ instanceId: third })).admission, 'admitted');
  assert.equal((await agent.register({ instanceId: third })).admission, 'admitted');
});

test('a rotated host comes back with new keys as itself; its old key is of no use', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  const { hostId } = await agent.register({ joinToken });
  const prove = (challenge: string, publicKey: string) => signText(agent.key, canonicalize({ publicKey, challenge }));
  const next = new TestAgent(url);
  const rotate = async () => {
    const hello = await admin.call('hello', { body: { protocol: 1, nonce: nonce() } });
    const previous = {
      publicKey: publicKeyText(agent.key),
      signature: prove(hello.challenge, publicKeyText(next.key)),
    };
    return next.register({ challenge: hello.challenge, previous });
  };

  const unasked = await rotate();
  assert.equal(unasked.admission, 'pending');
  await admin.call('revokeHost', { params: { host: unasked.name } });
  await admin.call('removeHost', { params: { host: unasked.name } });
  await admin.call('rotateHost', { params: { host: 'box' } });
  assert.equal((await agent.heartbeat()).wantsNewKeys, true);
  const stranger = new TestAgent(url);
  const forged = { publicKey: publicKeyText(agent.key), signature: signText(stranger.key, 'anything') };
  assert.notEqual((await stranger.register({ previous: forged })).hostId, hostId);
  assert.equal((await rotate()).hostId, hostId);
  assert.equal((await agent.register()).admission, 'pending');
});

test('a revoked key is refused at once and for good, and its name is free once it is removed', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });

  await assert.rejects(admin.call('removeHost', { params: { host: 'box' } }), fails('refused', /it is admitted/));
  await admin.call('revokeHost', { params: { host: 'box' } });

  await assert.rejects(agent.heartbeat(), fails('unauthenticated', /not known/));
  await assert.rejects(agent.register(), fails('refused', /revoked/));
  await admin.call('removeHost', { params: { host: 'box' } });
  const other = new TestAgent(url);
  assert.equal((await other.register()).name, 'box');
});

test('a machine with a lost key takes the place of its host, which keeps its id, name and spec', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const [old, fresh] = [new TestAgent(url), new TestAgent(url)];
  const { hostId } = await old.register({ joinToken });
  await fresh.register({ registrationToken: old.registrationToken });

  const fingerprint = fingerprintOf(publicKeyText(fresh.key));
  await admin.call('approveHost', { params: { host: 'box-2' }, body: { fingerprint, replaces: 'box' } });

  assert.deepEqual({ ...(await fresh.register()), sessionId: '', serverTime: '' }.hostId, hostId);
  assert.deepEqual(
    (await admin.call('listHosts', {})).hosts.map(({ name }) => name),
    ['box'],
  );
  await assert.rejects(old.heartbeat(), fails('unauthenticated', /not known/));
});

test('a server that requires TLS takes no agent without it', async (t) => {
  const { url } = await startServer(t, { requiresTls: true });

  await assert.rejects(new TestAgent(url).register(), fails('refused', /encrypted links only/));
});

test('after a restart of the server agents register again and are who they were, and nobody counts as offline', async (t) => {
  const first = await startServer(t);
  const { joinToken } = await first.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(first.url);
  await agent.register({ joinToken });

  const { admin, url } = await first.restart();

  const { hosts } = await admin.call('listHosts', {});
  assert.deepEqual(
    hosts.map(({ name, admission, link }) => [name, admission, link.link]),
    [['box', 'admitted', 'online']],
  );
  const again = new TestAgent(url);
  await assert.rejects(again.heartbeat(), fails('unauthenticated', /not known/));
});
