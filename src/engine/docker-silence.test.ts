import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import type { ContainerSpec, Engine } from './engine.ts';
import { drain, endpointThat, nothing } from './suite-silence.ts';

/** Of a test whose engine is slow: ten times what passes between two of its bytes, so that a busy machine is not silence. */
const answerMs = 1_000;

async function anEngineThat(t: TestContext, answer: RequestListener): Promise<Engine> {
  return dockerEngine({ endpoint: await endpointThat(t, answer) }, { answerMs: 100 });
}

const says = (text: string) => (error: unknown) => isAppError(error, 'unreachable') && error.message.includes(text);

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(1 << 20);
}

const spec = { name: 'any', labels: {}, capabilities: [], volumes: [], tmpfs: {} } as unknown as ContainerSpec;
const terminal = { command: ['sh'], user: '1:1', folder: '/', env: {}, columns: 80, rows: 24 };
const image = { tag: 'any', labels: {} };

const calls: Readonly<Record<string, (engine: Engine) => Promise<unknown>>> = {
  ping: (engine) => engine.ping(),
  information: (engine) => engine.information(),
  inspectImage: (engine) => engine.inspectImage('any'),
  listImages: (engine) => engine.listImages('any'),
  tagImage: (engine) => engine.tagImage('any', 'other'),
  removeImage: (engine) => engine.removeImage('any'),
  pruneImages: (engine) => engine.pruneImages({ any: 'label' }),
  pullImage: (engine) => engine.pullImage('any'),
  importImage: (engine) => engine.importImage(nothing(), image),
  buildImage: (engine) => engine.buildImage(nothing(), { ...image, dockerfile: 'any', buildArguments: {} }),
  createContainer: (engine) => engine.createContainer(spec),
  startContainer: (engine) => engine.startContainer('any'),
  inspectContainer: (engine) => engine.inspectContainer('any'),
  listContainers: (engine) => engine.listContainers({}),
  waitContainer: (engine) => engine.waitContainer('any'),
  stopContainer: (engine) => engine.stopContainer('any', 100),
  removeContainer: (engine) => engine.removeContainer('any'),
  putArchive: (engine) => engine.putArchive('any', '/', nothing()),
  'putArchive of much': (engine) => engine.putArchive('any', '/', endless()),
  getArchive: (engine) => drain(engine.getArchive('any', '/')),
  writeStdin: (engine) => engine.writeStdin('any', Buffer.from('x')),
  openTerminal: (engine) => engine.openTerminal('any', terminal),
  isolatedNetwork: (engine) => engine.isolatedNetwork('any', {}),
  logs: (engine) => drain(engine.logs('any', { follow: false })),
};

for (const [name, call] of Object.entries(calls)) {
  test(`an engine that takes a call and never answers is unreachable: ${name}`, { timeout: 20_000 }, async (t) => {
    const engine = await anEngineThat(t, () => {});

    await assert.rejects(call(engine), says('gave no answer for'));
  });
}

test('an engine that stops in the middle of an archive is unreachable', { timeout: 20_000 }, async (t) => {
  const engine = await anEngineThat(t, (_, response) => void response.writeHead(200).write('half of it'));

  await assert.rejects(drain(engine.getArchive('any', '/')), says('gave no answer for 100 ms'));
});

test('an archive may take any time while its bytes come, and while its reader is busy', {
  timeout: 20_000,
}, async (t) => {
  let sent = 0;
  let endedAt = Number.POSITIVE_INFINITY;
  const endpoint = await endpointThat(t, (_, response) => {
    const timer = setInterval(() => {
      response.write('x');
      if (++sent < 15) return;
      clearInterval(timer);
      response.end();
      endedAt = performance.now();
    }, answerMs / 10);
  });
  const engine = dockerEngine({ endpoint }, { answerMs });

  let received = '';
  for await (const chunk of engine.getArchive('any', '/')) {
    received += Buffer.from(chunk).toString();
    // From its twelfth byte on nobody takes any for longer than an answer may take.
    if (sent >= 12) await waitUntil('a busy reader to be done', () => performance.now() > endedAt + answerMs);
  }

  assert.equal(received, 'x'.repeat(15));
});

test('a wait lasts as long as the engine answers others, and its caller can end it', { timeout: 20_000 }, async (t) => {
  let pings = 0;
  const engine = await anEngineThat(t, ({ url }, response) => {
    if (url !== '/_ping') return response.flushHeaders();
    pings += 1;
    response.end('OK');
  });
  const caller = new AbortController();

  const waiting = engine.waitContainer('any', caller.signal);
  const rejected = assert.rejects(waiting, /enough/);
  await waitUntil('some pings', () => pings > 2);
  caller.abort(new Error('enough'));

  await rejected;
});

test('the signal of a call ends it before its deadline', { timeout: 20_000 }, async (t) => {
  const engine = await anEngineThat(t, () => {});
  const caller = new AbortController();

  const starting = engine.startContainer('any', caller.signal);
  caller.abort(new Error('enough'));

  await assert.rejects(starting, /enough/);
});
