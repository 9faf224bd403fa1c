import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { EngineEndpoint } from './endpoint.ts';

/** Where connections are taken and `answer` says what then happens: a real engine hangs only when it is broken. Gone after the test. */
export async function endpointThat(t: TestContext, answer: RequestListener): Promise<EngineEndpoint> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-silence-'));
  const path = join(folder, 'docker.sock');
  const server = createServer(answer).listen(path);
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });
  await waitUntil('the socket', () => server.listening);
  return { kind: 'unix', path, source: 'test' };
}

export async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

export async function* nothing(): AsyncGenerator<Uint8Array> {}
