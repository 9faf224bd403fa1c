import type { ErrorCode } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { waitMs } from './backoff.ts';
import { entryOf } from './entry-of.ts';
import type { Memory } from './memory.ts';
import type { Step } from './step.ts';
import { withoutStop } from './stops.ts';

/** What became of a step that was taken. One that was cut short tells nothing. */
export type StepOutcome =
  | { readonly is: 'done'; readonly imageId?: string | undefined }
  | {
      readonly is: 'failed';
      readonly message: string;
      /** Default: `internal`. */
      readonly code?: ErrorCode;
    };

export interface TakenStep {
  readonly step: Step;
  readonly outcome: StepOutcome;
  readonly revision: number;
  readonly now: number;
}

/** The memory after a step: failures wait longer each time, what is done is not done again. */
export function remember(memory: Memory, { step, outcome, revision, now }: TakenStep): Memory {
  if (outcome.is === 'done') return rememberDone(memory, step, { imageId: outcome.imageId, revision });
  const before = entryOf(memory.failures, step.attempt);
  const attempts = before?.fingerprint === step.fingerprint ? before.attempts + 1 : 1;
  const nextAt = now + waitMs(attempts);
  const failure = {
    ...{ fingerprint: step.fingerprint, attempts, nextAt, message: outcome.message.slice(0, 2_048) },
    // What the engine finds wrong with what it is asked stays wrong.
    ...(outcome.code !== 'invalid-input' && { mayPass: true }),
    // A person ended it, and wants no other try of the same.
    ...(outcome.code === 'interrupted' && { heldRevision: revision }),
  };
  const after = { ...memory, failures: { ...memory.failures, [step.attempt]: failure } };
  return outcome.code === 'task-conflict' ? withoutAsked(after, step) : after;
}

function rememberDone(
  memory: Memory,
  step: Step,
  { imageId, revision }: { imageId: string | undefined; revision: number },
): Memory {
  const { [step.attempt]: _, ...failures } = memory.failures;
  let after: Memory = withoutAsked({ ...memory, failures }, step);
  for (const move of step.moves) {
    if (move.do === 'pull') after = rememberImage(after, step.name, { revision });
    // From here on it ends by itself, however soon.
    if (move.do === 'start') after = withoutStop(after, move.container);
    if (move.do === 'push') after = rememberImage(after, step.name, { pushed: step.fingerprint });
    if (move.do === 'build' && imageId !== undefined && move.labels[hostLabels.name] === step.name) {
      after = { ...after, builtImages: [...new Set([...after.builtImages, imageId])] };
    }
  }
  return after;
}

/** What a volume that was asked for is, is known: ours, or another's. */
function withoutAsked(memory: Memory, { moves }: Step): Memory {
  const asked = new Set(moves.flatMap((move) => (move.do === 'create-volume' ? [move.volume] : [])));
  const left = Object.entries(memory.askedVolumes).filter(([name]) => !asked.has(name));
  return { ...memory, askedVolumes: Object.fromEntries(left) };
}

function rememberImage(memory: Memory, name: string, known: Memory['images'][string]): Memory {
  return { ...memory, images: { ...memory.images, [name]: { ...entryOf(memory.images, name), ...known } } };
}
