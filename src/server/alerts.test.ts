import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { alertSignatureHeader } from '../contracts/alerts.ts';
import { isAppError } from '../contracts/errors.ts';
import { signatureOf } from './alerts-send.ts';
import { aSample } from './suite-alerts.ts';
import { aMailServer, anHttpServer, aSocketServer, aWebhook } from './suite-receivers.ts';
import { startServer, TestAgent, type TestServer } from './suite-server.ts';

const secret = 'a shared secret';

test('what a host tells becomes a notice by itself, signed', async (t) => {
  const place = await startServer(t);
  const hook = await aWebhook(t);
  const agent = await anAgent(place);
  await place.admin.call('setWebhook', { body: { url: hook.url, secret } });
  await place.admin.call('changeAlertRule', { params: { rule: 'disk-full' }, body: { threshold: 0.5 } });

  await agent.heartbeat([aSample(0.6, new Date())]);
  const [notice] = await hook.notices(1);

  assert.equal(notice?.alert?.message, '/ of box is 60 % full, 40.0 GiB are free');
  const [received] = hook.received;
  const signature = String(received?.headers[alertSignatureHeader]);
  const seconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
  assert.equal(signature, signatureOf(secret, seconds, received?.body ?? ''));
  const { alerts } = await place.admin.call('listAlerts', {});
  assert.deepEqual(
    alerts.map(({ alertId, resolvedAt }) => [alertId, resolvedAt]),
    [[notice.alert.alertId, undefined]],
  );
});

test('a mail says what it is about', async (t) => {
  const place = await startServer(t);
  const post = await aMailServer(t);
  await place.admin.call('setMail', {
    body: { server: post.url, from: 'agora@example.org', to: ['ops@example.org'] },
  });

  const { results } = await place.admin.call('testAlerts', {});

  assert.deepEqual(results, [{ channel: 'mail' }]);
  assert.match(post.mails.join('\n'), /RCPT TO:<ops@example\.org>/);
  assert.match(post.mails.join('\n'), /Subject: \[agora\] Test/);
});

for (const [what, begin] of [
  ['says nothing', () => undefined],
  ['goes on talking without coming to the point', talkOn],
] as const) {
  test(`a mail server that ${what} is left after ten seconds, and holds no server up that ends`, async (t) => {
    const place = await startServer(t);
    const server = await aSocketServer(t, begin);
    await place.admin.call('setMail', { body: { server, from: 'agora@example.org', to: ['ops@example.org'] } });

    const inAMoment = tenSecondsInAMoment(t);
    const { results } = await place.admin.call('testAlerts', {});
    inAMoment.restore();
    const trying = place.admin.call('testAlerts', {}).catch(() => undefined);
    const startedAt = performance.now();
    await place.server.close();
    await trying;

    assert.match(
      results[0]?.error ?? '',
      /^Cannot send an alert to "ops@example.org through .*": it did not take it within 10 s$/,
    );
    assert.ok(performance.now() - startedAt < 8_000);
  });
}

test('a webhook that is silent, or answers without an end, holds nothing up', async (t) => {
  const place = await startServer(t);
  const silent = await anHttpServer(t, () => undefined);
  const endless = await anHttpServer(t, (_, response) => {
    response.writeHead(200).write('more');
  });
  const triedAt = async (url: string) => {
    await place.admin.call('setWebhook', { body: { url, secret } });
    const { results } = await place.admin.call('testAlerts', {});
    return results[0]?.error;
  };

  const inAMoment = tenSecondsInAMoment(t);
  assert.match((await triedAt(silent)) ?? '', /: it did not take it within 10 s$/);
  inAMoment.restore();
  assert.equal(await triedAt(endless), undefined);
});

test('a channel’s secret is shown to nobody, and what is no channel is refused', async (t) => {
  const place = await startServer(t);
  const url = 'http://user:hidden@127.0.0.1:1/hook?token=hidden';

  const channel = await place.admin.call('setWebhook', { body: { url, secret: 'hidden' } });
  const listed = await place.admin.call('listAlertRules', {});
  const { results } = await place.admin.call('testAlerts', {});

  assert.equal(channel.target, 'http://127.0.0.1:1/hook');
  assert.doesNotMatch(JSON.stringify([listed, results]), /hidden/);
  assert.match(results[0]?.error ?? '', /Cannot send an alert to "http:\/\/127\.0\.0\.1:1\/hook"/);
  const refusals = [
    place.admin.call('setWebhook', { body: { url: 'file:///etc/passwd', secret } }),
    place.admin.call('changeAlertRule', { params: { rule: 'host-offline' }, body: { threshold: 1 } }),
    place.admin.call('changeAlertRule', { params: { rule: 'disk-full' }, body: { threshold: 80 } }),
    ...['ops', 'a@b, c@d', '<a@b>', 'a@b\nBcc: c@d'].map((from) =>
      place.admin.call('setMail', { body: { server: 'smtp://127.0.0.1:1', from, to: ['root@localhost'] } }),
    ),
  ];
  for (const refusal of refusals) await assert.rejects(refusal, (error) => isAppError(error, 'invalid-input'));
  await place.admin.call('removeAlertChannel', { params: { channel: 'webhook' } });
  await assert.rejects(place.admin.call('removeAlertChannel', { params: { channel: 'webhook' } }), (error) =>
    isAppError(error, 'not-found'),
  );
});

async function anAgent(place: TestServer, name = 'box'): Promise<TestAgent> {
  const { joinToken } = await place.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(place.url);
  await agent.register({ joinToken, name });
  return agent;
}

/** Deadlines of ten seconds are over sooner, until it is restored; all others stay. */
function tenSecondsInAMoment(t: TestContext): { restore(): void } {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const shorter = (ms: number) => timeout(ms === 10_000 ? 700 : ms);
  return t.mock.method(AbortSignal, 'timeout', shorter).mock;
}

/** A greeting of many lines, whose last one never comes. */
function talkOn(socket: Socket): void {
  const timer = setInterval(() => socket.write('220-and so on\r\n'), 500);
  socket.on('close', () => clearInterval(timer));
}
