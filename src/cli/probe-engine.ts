import { homedir } from 'node:os';
import { withDeadline } from '../base/deadline.ts';
import { workerImage } from '../contracts/names.ts';
import { dockerEngine } from '../engine/docker.ts';
import { describeEndpoint, resolveEngineEndpoint } from '../engine/endpoint.ts';
import type { Engine, EngineInformation } from '../engine/engine.ts';

export type EngineProbe =
  | {
      readonly kind: 'answers';
      readonly engine: Engine;
      /** `unix:///var/run/docker.sock (default socket)` */
      readonly place: string;
      readonly information: EngineInformation;
    }
  | { readonly kind: 'silent'; readonly place: string; readonly reason: string }
  | { readonly kind: 'none' };

const probeDeadlineMs = 5_000;

/** Whether a container engine can be used from here; nothing is started or changed. */
export async function probeEngine(
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<EngineProbe> {
  const endpoint = await resolveEngineEndpoint({ env, homeDirectory: homedir() });
  if (endpoint === undefined) return { kind: 'none' };
  const place = `${describeEndpoint(endpoint)} (${endpoint.source})`;
  const engine = dockerEngine({ endpoint });
  try {
    const information = await engine.information(withDeadline(probeDeadlineMs, signal));
    return { kind: 'answers', engine, place, information };
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: 'silent', place, reason: error instanceof Error ? error.message : String(error) };
  }
}

export type WorkerImageState = 'current' | 'outdated' | 'missing';

/** Whether the engine has the image of exactly this worker. */
export async function probeWorkerImage(engine: Engine, workerDigest: string): Promise<WorkerImageState> {
  const references = [`${workerImage.repository}:${workerDigest}`, workerImage.latest];
  let state: WorkerImageState = 'missing';
  for (const reference of references) {
    const image = await engine.inspectImage(reference);
    if (image?.labels[workerImage.digestLabel] === workerDigest) return 'current';
    if (image !== undefined) state = 'outdated';
  }
  return state;
}
