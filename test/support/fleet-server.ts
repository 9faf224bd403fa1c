import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { emptyProject, type Project, type Running } from './project.ts';

const patience = { timeoutMs: 60_000 };

export interface FleetProject {
  readonly project: Project;
  readonly running: Running;
  readonly url: string;
  readonly adminToken: string;
  /** Asks the server as whoever has this token. */
  as(token: string, words: readonly string[], input?: string): ReturnType<Project['agora']>;
}

/** A project with a server of its own in `data/`, and its admin signed in. */
export async function aFleet(t: TestContext, words: readonly string[] = []): Promise<FleetProject> {
  const project = await emptyProject(t, 'process');
  const running = await startFleetServer(project, words);
  const url = urlOf(running);
  await waitUntil('its first steps', () => running.stderr().includes('agora host ls\n'), patience);
  const adminToken = running.stdout().trim();
  assert.match(adminToken, /^agora-user\.[\w-]+$/);
  const login = await project.agora(['login', url], adminToken);
  assert.equal(login.code, 0, login.stderr);
  const as: FleetProject['as'] = async (token, command, input) => {
    await writeFile(join(project.folder, 'token'), token, { mode: 0o600 });
    return project.agora([...command, '--token-file', 'token'], input);
  };
  return { project, running, url, adminToken, as };
}

/** A server on a free port of this machine; it answers once this resolves. */
export async function startFleetServer(project: Project, words: readonly string[] = []): Promise<Running> {
  const listen = words.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const running = project.start('agora', ['server', '-d', 'data', ...listen, ...words]);
  await waitUntil('the server', () => urlOf(running) !== '' || running.child.exitCode !== null, patience);
  assert.equal(running.child.exitCode, null, running.stderr());
  return running;
}

export function urlOf(running: Running): string {
  const [, url = ''] = /serving \S+ at (\S+),/.exec(running.stderr()) ?? [];
  return url;
}
