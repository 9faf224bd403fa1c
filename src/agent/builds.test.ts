import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { registryObstacle, startLoopbackRegistry } from '../../test/support/loopback-registry.ts';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import type { Build, BuildId, BuildPush, BuildsReport } from '../contracts/builds.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { buildSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { ImageBuildRequest } from './apply-moves.ts';
import { ImageBuilder, type ImageBuilderOptions } from './builds.ts';
import type { Link } from './link.ts';

const { engine: plainEngine, skip } = await engineForTests();
const hostId = `h-${'a'.repeat(26)}`;
const skipRegistry = skip || (await registryObstacle());
const never = new AbortController().signal;

/** A server's side: contexts it gives, and what it was told. */
class Listener {
  readonly contexts = new Map<string, Uint8Array>();
  readonly builds = new Map<BuildId, Build>();
  readonly states: string[] = [];
  readonly lines: string[] = [];
  readonly toCancel: BuildId[] = [];
  failures: Error[] = [];
  live: readonly string[] = [];
  readonly pushes: BuildPush[] = [];

  readonly link = {
    ready: async () => undefined,
    send: async (_name: string, { params }: { params: { digest: string } }) => {
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      return new Response(Buffer.from(this.contexts.get(params.digest) ?? ''));
    },
    call: async (_name: string, { body }: { body: BuildsReport }) => {
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      this.#take(body);
      return { cancel: this.toCancel.splice(0) };
    },
  } as unknown as Pick<Link, 'send' | 'call' | 'ready'>; // The three calls of it that a builder makes.

  get last(): Build | undefined {
    return [...this.builds.values()].at(-1);
  }

  #take({ builds, logs, live, pushes }: BuildsReport): void {
    this.live = live;
    this.pushes.push(...pushes);
    for (const build of builds) {
      this.builds.set(build.buildId, build);
      if (this.states.at(-1) !== build.state) this.states.push(build.state);
    }
    for (const { lines } of logs) this.lines.push(...lines);
  }
}

interface Place {
  readonly builder: ImageBuilder;
  readonly server: Listener;
  readonly folder: string;
  readonly engine: HostEngine;
  request(dockerfile: string, changes?: object): Promise<ImageBuildRequest>;
}

async function aPlace(
  t: TestContext,
  openSecrets: ImageBuilderOptions['openSecrets'] = async () => ({}),
  deletesContext = true,
): Promise<Place> {
  assert.ok(plainEngine);
  const folder = await mkdtemp(join(tmpdir(), 'agora-builds-'));
  const engine = dockerHostEngine({ endpoint: parseEngineHost(plainEngine.address, 'test') });
  const server = new Listener();
  const log = (line: string) => t.diagnostic(line);
  const builder = new ImageBuilder({
    ...{ engine, link: server.link, folder, deletesContext, hostId: () => hostId, openSecrets, log },
  });
  const stop = new AbortController();
  const telling = builder.run(stop.signal);
  const tags: string[] = [];
  t.after(async () => {
    stop.abort();
    await telling;
    for (const tag of tags) await engine.removeImage(tag);
    await rm(folder, { recursive: true, force: true });
  });
  const request = async (dockerfile: string, changes: object = {}) => {
    const content = await buffer(await busyboxContext(dockerfile));
    const context = digestOf(content);
    server.contexts.set(context, content);
    const tag = `agora-builds-test:${randomUUID()}`;
    tags.push(tag);
    const spec = buildSpecSchema.parse({ context, useCache: false, ...changes });
    return { image: 'web', tag, labels: { 'agora.test': 'builds' }, spec, timeoutSeconds: 60 };
  };
  return { builder, server, folder, engine, request };
}

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

test('a build directory without space is told as that', { skip }, async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root can make a small disk');
  const { builder, folder, request } = await aPlace(t);
  const wish = await request('');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  try {
    await assert.rejects(
      builder.build(wish, never),
      (error) => isAppError(error, 'disk-full') && error.message.includes(`"${folder}"`),
    );
    assert.deepEqual(await readdir(folder), []);
  } finally {
    execFileSync('umount', [folder]); // Before the folder itself is removed.
  }
});

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
  assert.equal(server.states.includes('pushing'), true);
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
