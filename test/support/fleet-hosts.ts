import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestAgent } from '../../src/server/suite-server.ts';
import type { FleetProject } from './fleet-server.ts';
import type { Finished } from './project.ts';

/** A host that is admitted, with nothing on it and nobody who does anything there. */
export async function anAgent({ project, url }: FleetProject, name = 'box'): Promise<TestAgent> {
  const made = await project.agora(['token', 'create', '--join']);
  const agent = new TestAgent(url);
  await agent.register({ name, joinToken: made.stdout.trim() });
  await agent.heartbeat();
  return agent;
}

/** The host tells that nothing is on it, and what else is given. */
export async function reportEmpty(agent: TestAgent, sequence = 1, more: object = {}): Promise<void> {
  const observation = { observedAt: new Date().toISOString(), networks: [], volumes: [], images: [], containers: [] };
  await agent.client.call('report', { body: { sequence, observation, ...more } });
}

export async function writeSpec({ project }: FleetProject, text: string, name = 'spec.yaml'): Promise<string> {
  await writeFile(join(project.folder, name), text);
  return name;
}

/** It ended with this code and these words, and not as a defect. */
export function refused({ code, stderr }: Finished, expected: number, said: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, said);
  assert.doesNotMatch(stderr, /defect of agora|\n\s+at /);
}

export const webSpec = `schemaVersion: 1
networks:
  front:
workspaces:
  web:
    image: nginx:1
    networks: [front]
`;
