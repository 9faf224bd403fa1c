import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { type AlertNotice, alertNoticeSchema, alertSignatureHeader } from '../contracts/alerts.ts';
import { isAppError } from '../contracts/errors.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { signatureOf } from './alerts-send.ts';
import { startServer, TestAgent, type TestServer } from './suite-server.ts';

const secret = 'a shared secret';

test('a host that falls silent is told of once, and once more when it is back', async (t) => {
  const clock = new Clock();
  const place = await startServer(t, { now: clock.now });
  const hook = await aWebhook(t);
  const agent = await anAgent(place);
  await place.admin.call('setWebhook', { body: { url: hook.url, secret } });
  clock.pass(60);
  await agent.heartbeat();

  clock.pass(26);
  const [raised] = await hook.notices(1);
  await agent.heartbeat();
  await waitUntil('that it is over', async () => {
    clock.pass(1);
    await agent.heartbeat();
    return hook.received.length > 1;
  });
  const [, resolved] = await hook.notices(2);

  assert.deepEqual([raised?.event, raised?.alert?.rule, raised?.alert?.host], ['raised', 'host-offline', 'box']);
  assert.equal(raised?.alert?.message, 'box has not been heard of for 26 s');
  assert.deepEqual([resolved?.event, resolved?.alert?.alertId], ['resolved', raised?.alert?.alertId]);
  const { alerts } = await place.admin.call('listAlerts', {});
  assert.equal(alerts.length, 1);
  assert.ok(alerts[0]?.resolvedAt !== undefined);
});

test('a notice is signed, and comes again until it is taken', async (t) => {
  const place = await startServer(t);
  const hook = await aWebhook(t, [500, 302, 200]);
  const agent = await anAgent(place);
  await place.admin.call('setWebhook', { body: { url: hook.url, secret } });
  await place.admin.call('changeAlertRule', { params: { rule: 'disk-full' }, body: { threshold: 0.5 } });

  await agent.heartbeat([aSample(0.6)]);
  await waitUntil('three tries', () => hook.received.length === 3, { timeoutMs: 30_000 });

  const notices = hook.received.map(({ body }) => alertNoticeSchema.parse(JSON.parse(body)));
  assert.equal(new Set(notices.map(({ noticeId }) => noticeId)).size, 1);
  assert.equal(notices[0]?.alert?.message, '/ of box is 60 % full, 40.0 GiB are free');
  const last = hook.received.at(-1);
  const signature = String(last?.headers[alertSignatureHeader]);
  const seconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
  assert.equal(signature, signatureOf(secret, seconds, last?.body ?? ''));
  const waiting = async () => (await place.admin.call('listAlertRules', {})).channels;
  await waitUntil('the end of it', async () => (await waiting())[0]?.waiting === 0);
  assert.equal((await waiting())[0]?.lastError, undefined);
});

test('after a restart of the server nothing is told of hosts that are well, and nothing is told twice', async (t) => {
  const clock = new Clock();
  const place = await startServer(t, { now: clock.now });
  const hook = await aWebhook(t);
  await place.admin.call('setWebhook', { body: { url: hook.url, secret } });
  const well = await anAgent(place);
  const gone = await anAgent(place, 'gone');
  clock.pass(60);
  await Promise.all([well.heartbeat(), gone.heartbeat()]);
  clock.pass(20);
  await well.heartbeat();
  clock.pass(6);
  await hook.notices(1);

  clock.pass(600);
  const again = await place.restart();
  const back = new TestAgent(again.url, well);
  clock.pass(25);
  await back.register({ name: 'box' });
  await back.heartbeat();
  clock.pass(24);
  let turns = 0;
  await waitUntil('the time of two looks', () => turns++ > 0, { intervalMs: 4_500 });
  const { alerts } = await again.admin.call('listAlerts', {});

  assert.deepEqual(
    hook.received.map(({ body }) => alertNoticeSchema.parse(JSON.parse(body)).alert?.host),
    ['gone'],
  );
  assert.deepEqual(
    alerts.map(({ host, resolvedAt }) => [host, resolvedAt]),
    [['gone', undefined]],
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
  ];
  for (const refusal of refusals) await assert.rejects(refusal, (error) => isAppError(error, 'invalid-input'));
  await place.admin.call('removeAlertChannel', { params: { channel: 'webhook' } });
  await assert.rejects(place.admin.call('removeAlertChannel', { params: { channel: 'webhook' } }), (error) =>
    isAppError(error, 'not-found'),
  );
});

class Clock {
  #at = Date.parse('2026-05-01T00:00:00Z');
  readonly now = () => new Date(this.#at);

  pass(seconds: number): void {
    this.#at += seconds * 1000;
  }
}

async function anAgent(place: TestServer, name = 'box'): Promise<TestAgent> {
  const { joinToken } = await place.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(place.url);
  await agent.register({ joinToken, name });
  return agent;
}

function aSample(fullness: number): MetricsSample {
  const gib = 1024 ** 3;
  return {
    at: new Date().toISOString(),
    host: {
      load: [0, 0, 0],
      memory: { totalBytes: 1, usedBytes: 1, availableBytes: 0 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [{ path: '/', totalBytes: 100 * gib, usedBytes: fullness * 100 * gib }],
      processes: 1,
      uptimeSeconds: 1,
    },
  };
}

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers with each status in turn, then with the last one. */
async function aWebhook(t: TestContext, statuses: readonly number[] = [200]) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    const status = statuses[received.length] ?? statuses.at(-1) ?? 200;
    received.push({ headers: request.headers, body });
    response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const notices = async (count: number): Promise<AlertNotice[]> => {
    await waitUntil(`${count} notices`, () => received.length >= count);
    return received.map(({ body }) => alertNoticeSchema.parse(JSON.parse(body)));
  };
  return { url: `http://127.0.0.1:${portOf(server.address())}/hook`, received, notices };
}

/** Takes every mail, as RFC 5321 wants it taken. */
async function aMailServer(t: TestContext) {
  const mails: string[] = [];
  const server = createSocketServer((socket) => {
    let isMail = false;
    socket.write('220 here\r\n');
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      for (const line of bytes
        .toString()
        .split('\r\n')
        .filter((text) => text !== '')) {
        mails.push(line);
        if (isMail && line !== '.') continue;
        if (line.startsWith('EHLO')) socket.write('250 here\r\n');
        else if (line === 'DATA') socket.write('354 go on\r\n');
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
        isMail = line === 'DATA';
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { url: `smtp://127.0.0.1:${portOf(server.address())}`, mails };
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}
