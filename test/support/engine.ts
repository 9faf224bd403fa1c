import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type Dockerode from 'dockerode';
import { environmentNames } from '../../src/contracts/names.ts';
import { dockerEngine } from '../../src/engine/docker.ts';
import { parseEngineHost, resolveEngineEndpoint } from '../../src/engine/endpoint.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { leftToNpmTest } from './quick-tests.ts';

/** The checkout, whose worker the tests run. */
export const packageRoot = join(import.meta.dirname, '../..');

/** An engine that answers, or the reason to skip; where engines are required there is no reason. */
export type EngineForTests =
  | { readonly engine: Engine; readonly skip: false }
  | { readonly engine: undefined; readonly skip: string };

/** For `test(title, { skip }, …)` of files whose tests all need an engine. */
export async function engineForTests(): Promise<EngineForTests> {
  if (leftToNpmTest) return { engine: undefined, skip: leftToNpmTest };
  try {
    return { engine: await reachEngine(), skip: false };
  } catch (cause) {
    if (process.env[environmentNames.requireEngine] === '1') {
      throw new Error(`A container engine is required (${environmentNames.requireEngine}=1)`, { cause });
    }
    const skip = `NO CONTAINER ENGINE: ${cause instanceof Error ? cause.message : String(cause)}`;
    process.stderr.write(`${skip}: tests that need one are skipped\n`);
    return { engine: undefined, skip };
  }
}

/** For a single test: the engine, or undefined after the test was marked as skipped. */
export async function requireEngine(t: TestContext): Promise<Engine | undefined> {
  const { engine, skip } = await engineForTests();
  if (skip) t.skip(skip);
  return engine;
}

/** The same engine's own client, to look at what the port does not show. */
export async function rawEngine(address: string): Promise<Dockerode> {
  const { default: Docker } = await import('dockerode');
  const endpoint = parseEngineHost(address, 'test');
  if (endpoint.kind === 'ssh') throw new Error(`No client for ${address}`);
  return new Docker(
    endpoint.kind === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port },
  );
}

async function reachEngine(): Promise<Engine> {
  const endpoint = await resolveEngineEndpoint({ env: process.env, homeDirectory: homedir() });
  if (endpoint === undefined) throw new Error('no DOCKER_HOST, no docker context and no default socket');
  const engine = dockerEngine({ endpoint });
  await engine.ping(AbortSignal.timeout(10_000));
  return engine;
}
