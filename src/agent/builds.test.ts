import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { BuildId } from '../contracts/builds.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { aPlace, never, skip } from './suite-builds.ts';

test('an image is built from what the server keeps, and each state and line is told', { skip }, async (t) => {
  const { builder, server, folder, request } = await aPlace(t);
  const wish = await request('RUN ["sh", "-c", "echo hello"]\n');

  const imageId = await builder.build(wish, never);
  await waitUntil('the last report', () => server.last?.state === 'succeeded');

  assert.equal(server.last?.imageId, imageId);
  assert.ok(server.last?.step !== undefined && server.last.step.number === server.last.step.of);
  assert.ok(server.lines.includes('hello') && server.lines[0]?.startsWith('Fetching context sha256:'));
  assert.deepEqual(await readdir(folder), []);
});

test('builds go one after the other, and one that waits or runs can be cancelled', { skip }, async (t) => {
  const { builder, server, request } = await aPlace(t);
  const long = await request('RUN ["sleep", "1000"]\n');

  const outcomes = Promise.allSettled([builder.build(long, never), builder.build(long, never)]);
  await waitUntil('a build that runs', () => server.lines.some((line) => line.includes('sleep')));
  const [first, second] = [...server.builds.values()];
  assert.deepEqual([first?.state, second?.state], ['running', 'queued']);
  if (second !== undefined) server.toCancel.push(second.buildId);
  builder.tellAll();
  await waitUntil(
    'the end of the one that waits',
    () => server.builds.get(second?.buildId as BuildId)?.state === 'cancelled',
  );
  builder.cancel(first?.buildId ?? '');

  for (const outcome of await outcomes) {
    assert.ok(outcome.status === 'rejected' && isAppError(outcome.reason, 'interrupted'));
    assert.match(outcome.reason.message, /somebody cancelled it/);
  }
});

test('a secret is neither in the log of a build nor in why it failed', { skip }, async (t) => {
  const secret = `secret-${randomUUID()}`;
  const { builder, server, request } = await aPlace(t, async () => ({ TOKEN: secret }));
  const early = 'FROM scratch AS early\nCOPY root /\nENV PATH=/bin\nARG TOKEN\n';

  const wish = await request(
    `${early}RUN ["sh", "-c", "echo -n ${secret.slice(0, 9)}; sleep 0.2; echo it is $TOKEN"]\nFROM scratch\nCOPY root /\n`,
  );
  await builder.build(wish, never);
  const failing = await request(`${early}COPY $TOKEN /\n`);
  const failure = await builder.build(failing, never).catch((error: unknown) => error);
  const telling = await request('ARG TOKEN\nENV KEPT=$TOKEN\n');
  await assert.rejects(builder.build(telling, never), (error) => isAppError(error, 'invalid-input'));
  await waitUntil('three ends', () => [...server.builds.values()].filter(({ endedAt }) => endedAt).length === 3);

  assert.ok(isAppError(failure) && !failure.message.includes(secret), String(failure));
  assert.ok(server.lines.some((line) => line.endsWith('it is <redacted:TOKEN>')));
  assert.ok(!JSON.stringify([server.lines, ...server.builds.values()]).includes(secret));
});

test('a command that fails is told with its exit code and what it printed last', { skip }, async (t) => {
  const secret = `secret-${randomUUID()}`;
  const { builder, server, request } = await aPlace(t, async () => ({ TOKEN: secret }));
  const wish = await request(
    'RUN ["sh", "-c", "echo early"]\nARG TOKEN\nRUN exec >&2; for each in one two three; do echo $each; done; echo it is $TOKEN; exit 7\n',
  );

  const failure = await builder.build(wish, never).catch((error: unknown) => error);
  await waitUntil('the last report', () => server.last?.state === 'failed');

  assert.ok(isAppError(failure));
  assert.match(
    failure.message,
    /code: 7" in step 7 of 8; the last that it printed: "two", "three", "it is <redacted:TOKEN>"$/,
  );
  assert.equal(server.last?.problem, failure.message);
});

test('a context that is not what its digest says is not built, and nothing of it stays', { skip }, async (t) => {
  const { builder, server, folder, request } = await aPlace(t);
  const wish = await request('');
  server.contexts.set(wish.spec.context, Buffer.from('another'));

  await assert.rejects(builder.build(wish, never), (error) => isAppError(error, 'artifact-mismatch'));

  assert.deepEqual(await readdir(folder), []);
  await assert.rejects(builder.build({ ...wish, spec: { ...wish.spec, context: './folder' } }, never), (error) =>
    isAppError(error, 'invalid-input'),
  );
});

test('while the server is away a build waits for its context, and what it says is kept', { skip }, async (t) => {
  const { builder, server, request } = await aPlace(t);
  const wish = await request('RUN ["sh", "-c", "echo hello"]\n');
  server.failures = Array.from({ length: 4 }, () => new AppError('unreachable', 'Cannot reach the server'));

  await builder.build(wish, never);
  await waitUntil('the last report', () => server.last?.state === 'succeeded');

  assert.ok(server.lines.includes('hello'));
});

test('a build that takes longer than it may ends, and says how long that was', { skip }, async (t) => {
  const { builder, server, request } = await aPlace(t);
  const wish = { ...(await request('RUN ["sleep", "1000"]\n')), timeoutSeconds: 2 };

  await assert.rejects(
    builder.build(wish, never),
    (error) => isAppError(error, 'limit-exceeded') && /2 s/.test(error.message),
  );
  await waitUntil('the last report', () => server.last?.state === 'failed');
});

test('a build directory without space is told as that, before the context comes or while it does', {
  skip,
}, async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root can make a small disk');
  const { builder, server, folder, request } = await aPlace(t);
  const wish = await request('');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  try {
    for (const [tellsSizes, words] of [
      [true, /: it has .* MiB, and 64.0 KiB are free there$/],
      [false, /: no space left on its disk$/],
    ] as const) {
      server.tellsSizes = tellsSizes;
      await assert.rejects(
        builder.build(wish, never),
        (error) => isAppError(error, 'disk-full') && error.message.includes(`"${folder}"`) && words.test(error.message),
      );
      assert.deepEqual(await readdir(folder), []);
    }
  } finally {
    execFileSync('umount', [folder]); // Before the folder itself is removed.
  }
});
