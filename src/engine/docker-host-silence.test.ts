import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { networkSpecSchema, volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from './docker-host.ts';
import type { EngineEvent, HostEngine } from './host-engine.ts';
import { drain, endpointThat, nothing } from './suite-silence.ts';

async function anEngineThat(t: TestContext, answer: RequestListener): Promise<HostEngine> {
  return dockerHostEngine({ endpoint: await endpointThat(t, answer) }, { answerMs: 50 });
}

const labels = {};
const spec = workspaceSpecSchema.parse({ image: 'any' });
const buildSettings = {
  tag: 'any',
  dockerfile: 'x',
  args: {},
  labels,
  target: undefined,
  useCache: true,
  pullBase: false,
};
const helper = { image: 'any', command: ['x'], labels, binds: [], hostNamespaces: true };
const never = new AbortController().signal;

const calls: Readonly<Record<string, (engine: HostEngine) => Promise<unknown>>> = {
  ping: (engine) => engine.ping(),
  describeHost: (engine) => engine.describeHost(),
  observeContainers: (engine) => engine.observeContainers(),
  observeNetworks: (engine) => engine.observeNetworks(),
  observeVolumes: (engine) => engine.observeVolumes(),
  observeImages: (engine) => engine.observeImages(),
  createNetwork: (engine) => engine.createNetwork('any', networkSpecSchema.parse({}), { labels }),
  removeNetwork: (engine) => engine.removeNetwork('any'),
  connectNetwork: (engine) => engine.connectNetwork('any', 'any'),
  disconnectNetwork: (engine) => engine.disconnectNetwork('any', 'any'),
  createVolume: (engine) => engine.createVolume('any', volumeSpecSchema.parse({}), { labels }),
  removeVolume: (engine) => engine.removeVolume('any'),
  createWorkspace: (engine) => engine.createWorkspace({ name: 'any', spec, imageId: 'any', secrets: {}, labels }),
  startContainer: (engine) => engine.startContainer('any'),
  stopContainer: (engine) => engine.stopContainer('any', 100),
  renameContainer: (engine) => engine.renameContainer('any', 'other'),
  removeContainer: (engine) => engine.removeContainer('any'),
  pull: (engine) => engine.pull('any'),
  push: (engine) => engine.push('any'),
  build: (engine) => engine.build(nothing(), buildSettings),
  tagImage: (engine) => engine.tagImage('any', 'other'),
  removeImage: (engine) => engine.removeImage('any'),
  events: (engine) => drain(engine.events(never)),
  usageOf: (engine) => engine.usageOf('any'),
  runHelper: (engine) => engine.runHelper(helper),
};

for (const [name, call] of Object.entries(calls)) {
  test(`an engine that takes a call and never answers is unreachable: ${name}`, { timeout: 20_000 }, async (t) => {
    const engine = await anEngineThat(t, () => {});

    await assert.rejects(call(engine), (error) => isAppError(error, 'unreachable'));
  });

  test(`an engine that is not there is unreachable: ${name}`, { timeout: 20_000 }, async () => {
    const engine = dockerHostEngine({ endpoint: { kind: 'unix', path: '/nonexistent/docker.sock', source: 'test' } });

    await assert.rejects(call(engine), (error) => isAppError(error, 'unreachable'));
  });
}

test('what is followed ends when the engine that it came from answers nothing any more', {
  timeout: 20_000,
}, async (t) => {
  let isAlive = true;
  const event = { Type: 'container', Action: 'die', Actor: { ID: 'ab', Attributes: { name: 'w' } } };
  const engine = await anEngineThat(t, ({ url }, response) => {
    if (url === '/_ping') {
      if (isAlive) response.end('OK');
      isAlive = false;
    } else response.write(`${JSON.stringify(event)}\n${JSON.stringify({ Type: 'daemon' })}\n`);
  });

  const seen: EngineEvent[] = [];
  for await (const one of engine.events(never)) seen.push(one);

  assert.deepEqual(seen, [{ type: 'container', action: 'die', name: 'w' }]);
});

test('what is followed ends quietly when its engine breaks the connection', { timeout: 20_000 }, async (t) => {
  const engine = await anEngineThat(t, ({ url }, response) => {
    if (url === '/_ping') return response.end('OK');
    response.write('{}\n');
    setImmediate(() => response.destroy());
  });

  await drain(engine.events(never));
});

test('a build whose engine goes away, or refuses, lets go of its context', { timeout: 20_000 }, async (t) => {
  for (const status of [0, 400]) {
    const engine = await anEngineThat(t, (request, response) => {
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end('{"message":"as asked"}');
    });
    let isClosed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        isClosed = true;
      }
    }

    await assert.rejects(engine.build(endless(), buildSettings), (error) =>
      isAppError(error, status === 0 ? 'unreachable' : 'invalid-input'),
    );

    await waitUntil('the end of the context', () => isClosed);
  }
});

test('a build that ends without a result is none', { timeout: 20_000 }, async (t) => {
  const engine = await anEngineThat(t, (request, response) => {
    request.resume().on('end', () => response.end('{"stream":"Step 1/2"}\n'));
  });

  await assert.rejects(engine.build(nothing(), buildSettings), (error) => {
    return isAppError(error, 'internal') && /without a result/.test(error.message);
  });
});

test('a build may say nothing for any time while the engine answers others', { timeout: 20_000 }, async (t) => {
  let pings = 0;
  const engine = await anEngineThat(t, (request, response) => {
    if (request.url !== '/_ping') {
      request.resume();
      const timer = setInterval(() => {
        if (pings < 4) return;
        clearInterval(timer);
        response.end('{"aux":{"ID":"sha256:ab"}}\n');
      }, 10);
      return;
    }
    pings += 1;
    response.end('OK');
  });

  assert.equal(await engine.build(nothing(), buildSettings), 'sha256:ab');
});
