import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aWatch, box, gone } from './suite-alerts.ts';
import { aMailServer } from './suite-receivers.ts';

test('a notice comes again until it is taken, later and later, and its failure is shown', async (t) => {
  const { pass, told, take, outbox, hook } = await aWatch(t, [box], { statuses: [500, 302, 200] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });

  await pass(2, { beating: [box] });
  const [afterOne] = outbox.channels();
  await pass(4, { beating: [box] });
  const [afterTwo] = outbox.channels();
  await pass(10, { beating: [box] });
  const [afterThree] = outbox.channels();

  assert.equal(hook.received.length, 3);
  assert.equal(new Set(told().map(({ noticeId }) => noticeId)).size, 1);
  assert.deepEqual([afterOne?.waiting, afterTwo?.waiting, afterThree?.waiting], [1, 1, 0]);
  assert.match(afterOne?.lastError ?? '', /it answered with status 500$/);
  assert.match(afterTwo?.lastError ?? '', /it answered with status 302, which is not followed$/);
  assert.equal(afterThree?.lastError, undefined);
});

test('a notice that waits is not held back by a clock that is put back', async (t) => {
  const { pass, take, jump, hook } = await aWatch(t, [box], { statuses: [500, 200] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });
  await pass(2, { beating: [box] });

  await jump(-3_600);
  await pass(4, { beating: [box] });

  assert.equal(hook.received.length, 2);
});

test('what nobody takes is given up after a day', async (t) => {
  const { pass, take, jump, outbox, lines } = await aWatch(t, [box], { statuses: [500] });
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });
  await pass(2, { beating: [box] });

  await jump(25 * 3_600);
  await pass(2, { beating: [box] });

  assert.equal(outbox.channels()[0]?.waiting, 0);
  assert.match(lines.join('\n'), /a notice was given up: .* status 500/);
});

test('many hosts that fall silent at once are one mail and one post', async (t) => {
  const { pass, told, outbox, hook } = await aWatch(t, [box, gone]);
  const post = await aMailServer(t);
  outbox.set({ name: 'mail', settings: { server: post.url, from: 'a@example.org', to: ['ops@example.org'] } });
  await pass(40, { beating: [box, gone] });

  await pass(40);

  assert.deepEqual([hook.received.length, told().length], [1, 2]);
  const subjects = post.mails.filter((line) => line.startsWith('Subject: '));
  assert.deepEqual(subjects, ['Subject: [agora] Alerts: 2 raised']);
  assert.equal(post.mails.filter((line) => /^(box|gone) has not been heard of for 2\d s$/.test(line)).length, 2);
  assert.deepEqual(
    outbox.channels().map(({ waiting }) => waiting),
    [0, 0],
  );
});

test('what was taken is not sent again because the database could not forget it', async (t) => {
  const { pass, take, outbox, hook, database } = await aWatch(t);
  await pass(20, { beating: [box] });
  await take({ fullness: 0.95, agoSeconds: 1 });
  database.run(`CREATE TRIGGER stuck BEFORE DELETE ON alert_notices BEGIN SELECT RAISE(ABORT, 'no'); END`);

  await assert.rejects(pass(2, { beating: [box] }), /no/);
  await assert.rejects(pass(2, { beating: [box] }), /no/);
  database.run('DROP TRIGGER stuck');
  await pass(2, { beating: [box] });

  assert.equal(hook.received.length, 1);
  assert.equal(outbox.channels()[0]?.waiting, 0);
});
