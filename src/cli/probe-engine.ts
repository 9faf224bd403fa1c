import { homedir } from 'node:os';
import { withDeadline } from '../base/deadline.ts';
import { digestTag, imageKinds, serves } from '../compute/image-kind.ts';
import { workerImage } from '../contracts/names.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import { dockerEngine } from '../engine/docker.ts';
import { describeEndpoint, isOfAnotherMachine, resolveEngineEndpoint } from '../engine/endpoint.ts';
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
/** Longer than a link takes to tell why it cannot be opened. */
const farDeadlineMs = 60_000;

/**
 * Whether a container engine can be used from here; nothing is started or changed. Raises what keeps one on another
 * machine from answering: who names it does not mean this machine instead.
 */
export async function probeEngine(
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<EngineProbe> {
  const endpoint = await resolveEngineEndpoint({ env, homeDirectory: homedir() });
  if (endpoint === undefined) return { kind: 'none' };
  const place = `${describeEndpoint(endpoint)} (${endpoint.source})`;
  const engine = dockerEngine({ endpoint });
  try {
    const deadlineMs = isOfAnotherMachine(endpoint) ? farDeadlineMs : probeDeadlineMs;
    const information = await engine.information(withDeadline(deadlineMs, signal));
    return { kind: 'answers', engine, place, information };
  } catch (error) {
    signal?.throwIfAborted();
    if (isOfAnotherMachine(endpoint)) throw error;
    return { kind: 'silent', place, reason: error instanceof Error ? error.message : String(error) };
  }
}

export type WorkerImageState = 'current' | 'outdated' | 'missing';

/** Whether the engine has the image of exactly this worker, with what the runtime needs. */
export async function probeWorkerImage(
  engine: Pick<Engine, 'inspectImage' | 'listImages'>,
  workerDigest: string,
  runtime: RuntimeName = 'command',
): Promise<WorkerImageState> {
  for (const reference of [digestTag(workerDigest, runtime), workerImage.latest]) {
    const image = await engine.inspectImage(reference);
    if (image !== undefined && serves(image.labels, workerDigest, runtime)) return 'current';
  }
  const { suffix } = imageKinds[runtime];
  const tags = (await engine.listImages(workerImage.repository)).flatMap((image) => image.tags);
  return tags.some((tag) => tag.endsWith(suffix)) ? 'outdated' : 'missing';
}
