import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { registryObstacle, startLoopbackRegistry } from '../../test/support/loopback-registry.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { ImageBuilder } from './builds.ts';
import { aPlace, hostId, never, plainEngine, skip } from './suite-builds.ts';

const skipRegistry = skip || (await registryObstacle());

test('nothing stays of a build whose secrets cannot be opened', { skip }, async (t) => {
  const { builder, folder, request } = await aPlace(t, async () => {
    throw new AppError('secret-missing', 'Cannot open secret "TOKEN"');
  });
  const wish = await request('');

  await assert.rejects(builder.build(wish, never), (error) => isAppError(error, 'secret-missing'));

  assert.deepEqual(await readdir(folder), []);
});

test('what a killed agent left in the build directory goes, what others have there stays', { skip }, async (t) => {
  const { builder, folder, request } = await aPlace(t);
  await mkdir(join(folder, `agora-build-${hostId}-abc123`));
  await mkdir(join(folder, `agora-build-h-${'b'.repeat(26)}-abc123`));

  await builder.build(await request(''), never);

  assert.deepEqual(await readdir(folder), [`agora-build-h-${'b'.repeat(26)}-abc123`]);
});

test('an agent that starts removes what it left, though there is nothing to build', { skip }, async (t) => {
  const { builder, folder } = await aPlace(t);
  await mkdir(join(folder, `agora-build-${hostId}-abc123`));
  const stop = new AbortController();

  const telling = builder.run(stop.signal);

  await waitUntil('it to be gone', async () => (await readdir(folder)).length === 0);
  stop.abort();
  await telling;
});

test('a build that ends with its agent is told before that is gone', { skip }, async (t) => {
  const { server, engine, folder, request } = await aPlace(t);
  const stop = new AbortController();
  const own = new ImageBuilder({
    ...{ engine, link: server.link, folder, hostId: () => hostId, openSecrets: async () => ({}) },
    log: (line) => t.diagnostic(line),
  });
  const telling = own.run(stop.signal);
  const building = own.build(await request('RUN ["sleep", "1000"]\n'), stop.signal);
  await waitUntil('a build that runs', () => server.last?.state === 'running');

  stop.abort();
  await assert.rejects(building);
  await telling;
  await own.tellLast();

  assert.equal(server.last?.state, 'cancelled');
});

test('a context that is to stay is there once and used again, unless somebody changed it', { skip }, async (t) => {
  const { builder, server, folder, request } = await aPlace(t, undefined, false);
  const wish = await request('');
  const name = `agora-build-${hostId}-kept-${wish.spec.context.slice(7)}`;

  await builder.build(wish, never);
  const [content] = [...server.contexts.values()];
  server.contexts.clear();
  await builder.build(wish, never);
  assert.deepEqual(await readdir(folder), [name]);

  await writeFile(join(folder, name, 'context.tar'), 'another');
  await assert.rejects(builder.build(wish, never), (error) => isAppError(error, 'artifact-mismatch'));
  assert.deepEqual(await readdir(folder), []);
  server.contexts.set(wish.spec.context, content ?? Buffer.alloc(0));
  await builder.build(wish, never);
});

test('what is built is pushed, which its log follows, and the digest that the registry gives it is told', {
  skip: skipRegistry,
}, async (t) => {
  assert.ok(plainEngine);
  const { builder, server, engine, request } = await aPlace(t);
  const registry = await startLoopbackRegistry(engine, parseEngineHost(plainEngine.address, 'test'));
  t.after(() => registry.close());
  const tag = `${registry.host}/built:${randomUUID()}`;
  t.after(() => engine.removeImage(tag));

  await builder.build({ ...(await request('LABEL one=two\n', { push: true })), tag }, never);
  const digest = await builder.push(tag, { login: registry.login });
  await waitUntil('the end of the push', () => server.last?.state === 'succeeded');

  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(server.last?.pushedDigest, digest);
  assert.ok(server.lines.some((line) => /: Pushed$/.test(line)));
  assert.equal(server.pushes.length, 0);
  // Another start of the agent knows nothing of the build.
  await assert.rejects(builder.push(tag, { loginProblem: 'no helper' }), (error) => isAppError(error, 'refused'));
  await builder.push(tag, { login: registry.login });
  await waitUntil('two reports of a push', () => server.pushes.length === 2);
  assert.match(server.pushes[0]?.problem ?? '', /^Cannot push image .*; no helper\. Give/);
  assert.deepEqual(server.pushes[1], { tag, digest });
});

test('a push can be cancelled, and one that is not begun ends with what wanted it', { skip }, async (t) => {
  const { server, folder, engine, request } = await aPlace(t);
  const hanging: HostEngine = {
    ...engine,
    push: (_reference, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  };
  const builder = new ImageBuilder({
    ...{ engine: hanging, link: server.link, folder, hostId: () => hostId, openSecrets: async () => ({}) },
    log: (line) => t.diagnostic(line),
  });
  const stop = new AbortController();
  const telling = builder.run(stop.signal);
  const wish = await request('', { push: true, useCache: true });

  await builder.build(wish, never);
  await waitUntil('a build that is to be pushed', () => server.last?.state === 'pushing');
  const pushing = builder.push(wish.tag, {});
  builder.cancel(server.last?.buildId ?? '');
  await assert.rejects(
    pushing,
    (error) => isAppError(error, 'interrupted') && /somebody cancelled/.test(error.message),
  );
  await waitUntil('its end', () => server.last?.state === 'succeeded');
  const newer = new AbortController();
  await builder.build(wish, newer.signal);
  newer.abort();
  const ended = () => [...server.builds.values()].filter(({ endedAt }) => endedAt !== undefined);
  await waitUntil('the end of both', () => ended().length === 2);
  stop.abort();
  await telling;

  assert.deepEqual(
    ended().map(({ state, problem }) => [state, problem?.replace(/".*"/, '…')]),
    [
      ['succeeded', 'Cannot push …: somebody cancelled it'],
      ['succeeded', 'It was not pushed: it took too long, something newer is declared, or the agent stops'],
    ],
  );
});
