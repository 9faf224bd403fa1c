import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { dockerEngine } from '../../src/engine/docker.ts';
import { parseEngineHost } from '../../src/engine/endpoint.ts';
import { sshLinkTo } from '../../src/engine/ssh-link.ts';
import { engineForTests } from './engine.ts';
import { type SshServerOptions, sshServerObstacle, startSshServer } from './ssh-server.ts';

const run = promisify(execFile);
const { engine, skip } = await engineForTests();

/** The engine of this machine, which is that of the machine that is reached over ssh. */
export const nearEngine = engine;
/** For `describe(title, { skip: noSshPlace }, …)`. */
export const noSshPlace = skip || (await sshServerObstacle()) || false;
/** Programs of a far machine that is like this one. */
export const usualPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/** A machine that is reached over ssh as "target", whose engine is the one of the tests. */
export async function sshPlace(t: TestContext, { env, ...options }: SshServerOptions = {}) {
  const far = { DOCKER_HOST: nearEngine?.address ?? '', PATH: usualPath, ...env };
  const server = await startSshServer(t, { env: far, ...options });
  const before = process.env['PATH'];
  process.env['PATH'] = `${server.programs}:${before}`;
  const endpoint = parseEngineHost('ssh://target', 'a test');
  const link = endpoint.kind === 'ssh' ? sshLinkTo(endpoint.target) : assert.fail();
  t.after(async () => {
    process.env['PATH'] = before;
    await link.close();
  });
  return { server, link, engine: dockerEngine({ endpoint }), processes: () => sshProcesses(server.port) };
}

/** A folder of a test's own whose `docker` is this shell script. */
export async function folderWithDocker(t: TestContext, script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-docker-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

/** Clients of a server, as `ss` writes them. */
async function sshProcesses(port: number): Promise<string[]> {
  const { stdout } = await run('ss', ['-Htnp', 'state', 'established', 'dport', '=', `:${port}`]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').filter((line) => line.includes('"ssh"'));
}
