import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import type { Engine } from './engine.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-fault-'));
after(() => rm(folder, { recursive: true, force: true }));

/** An engine that answers every call with this status: for faults that a real one does not give when asked. */
async function anEngineThatSays(t: { after(close: () => void): void }, status: number): Promise<Engine> {
  const path = join(folder, `${status}.sock`);
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"as asked"}');
  }).listen(path);
  t.after(() => server.close());
  await waitUntil('the socket', () => server.listening);
  return dockerEngine({ endpoint: { kind: 'unix', path, source: 'test' } });
}

test('an engine that is not there is unreachable, with its address and the next step', async () => {
  const path = join(folder, 'none.sock');
  const engine = dockerEngine({ endpoint: { kind: 'unix', path, source: 'test' } });

  await assert.rejects(engine.ping(), (error) => {
    return isAppError(error, 'unreachable') && error.message.includes(path) && error.next !== undefined;
  });
});

for (const [status, code] of [
  [400, 'invalid-input'],
  [404, 'not-found'],
  [409, 'task-conflict'],
  [500, 'internal'],
  [503, 'unreachable'],
] as const) {
  test(`an engine's ${status} is ${code}`, async (t) => {
    const engine = await anEngineThatSays(t, status);

    await assert.rejects(engine.startContainer('any'), (error) => isAppError(error, code));
  });
}

test('a stop of a container that does not run, or is gone, is fine', async (t) => {
  for (const status of [304, 404]) await (await anEngineThatSays(t, status)).stopContainer('any', 0);
});

test('a wait ends with an error when the engine goes away in the middle of its answer', async (t) => {
  const path = join(folder, 'cut.sock');
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"Sta');
    setImmediate(() => response.destroy());
  }).listen(path);
  t.after(() => server.close());
  await waitUntil('the socket', () => server.listening);
  const engine = dockerEngine({ endpoint: { kind: 'unix', path, source: 'test' } });

  await assert.rejects(engine.waitContainer('any'), (error) => isAppError(error, 'unreachable'));
});
