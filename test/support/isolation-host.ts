import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';

/** A server, a socket and a file on this machine, for a worker to try. */
export interface HostToLeaveAlone {
  readonly connect: readonly string[];
  readonly file: string;
}

export async function aHostToLeaveAlone(t: TestContext): Promise<HostToLeaveAlone> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-host-'));
  const file = join(folder, 'private.txt');
  await writeFile(file, 'private', { mode: 0o644 });
  const socket = join(folder, 'some.sock');
  const servers = [createServer().listen(0, '127.0.0.1'), createServer().listen(socket)];
  t.after(async () => {
    for (const server of servers) server.close();
    await rm(folder, { recursive: true, force: true });
  });
  await waitUntil('the servers', () => servers.every((server) => server.listening));
  const address = servers[0]?.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { connect: [`127.0.0.1:${address.port}`, socket], file };
}
