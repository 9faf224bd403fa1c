import { formatDuration } from '../base/duration.ts';
import { retryDelayMs } from '../base/retry.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { isDue } from './backoff.ts';
import { entryOf } from './entry-of.ts';
import type { Memory } from './memory.ts';
import { type Pass, tell } from './pass.ts';
import { isFresh, type Workspace } from './workspace.ts';

type Refusal = Memory['refused'][string];

const firstWaitMs = 300_000;
/** Each try may take down what runs: one that never succeeds must not cost more and more of its time. */
const longestWaitMs = 86_400_000;

/** Remembers that what is declared did not prove itself. */
export function refuse(
  pass: Pass,
  workspace: Workspace,
  { imageId }: ObservedContainer,
  { reason, mayPass = false }: { readonly reason: string; readonly mayPass?: boolean },
): void {
  const { name, digest } = workspace;
  const { revision } = pass.target;
  const before = refusalOf(pass, workspace);
  const tries = before?.revision === revision ? (before.tries ?? 0) + 1 : 1;
  pass.memory.refused[name] = {
    ...{ digest, imageId, reason, revision, tries },
    ...(mayPass && { againAt: pass.now + waitMs(tries) }),
  };
}

/** Whether what is declared did not prove itself before, and is not to be tried again yet. */
export function isRefused(pass: Pass, workspace: Workspace): boolean {
  const refusal = refusalOf(pass, workspace);
  if (refusal === undefined) return false;
  const { revision = pass.target.revision, againAt } = refusal;
  return revision === pass.target.revision && (againAt === undefined || !isDue(againAt, pass.now, longestWaitMs));
}

// With nothing to go back to, what was refused is still the best there is.
export function forgetPointlessRefusal(pass: Pass, workspace: Workspace): void {
  const { current, next, previous } = workspace.slots;
  const others = [current, next, previous].filter((container) => container !== undefined);
  const isPointless = !others.some((container) => !isFresh(workspace, container));
  if (isPointless || refusalOf(pass, workspace) === undefined) delete pass.memory.refused[workspace.name];
}

export function tellRefusal(pass: Pass, workspace: Workspace): void {
  const refusal = refusalOf(pass, workspace);
  if (refusal === undefined || !isRefused(pass, workspace)) return;
  const { name } = workspace;
  const { reason, againAt, tries = 1 } = refusal;
  const message = `Cannot replace workspace "${name}": ${reason}; the one before was put back`;
  if (againAt === undefined) {
    tell(pass, name, message, 'Change its spec or its image, or have it tried as it is: agora host apply --again.');
    return;
  }
  pass.wakeAt = Math.min(pass.wakeAt, againAt);
  const pause = formatDuration(waitMs(tries));
  tell(pass, name, message, `It is tried again ${pause} after that; at once with: agora host apply --again.`);
}

function waitMs(tries: number): number {
  return retryDelayMs(tries, { delayMs: firstWaitMs, maxDelayMs: longestWaitMs, jitter: 0 });
}

/** What is known of what is declared; undefined where another spec or image was refused. */
function refusalOf({ memory }: Pass, { name, digest, image }: Workspace): Refusal | undefined {
  const refusal = entryOf(memory.refused, name);
  if (refusal?.digest !== digest) return undefined;
  const isSame = !image.isFollowed || image.choice.id === undefined || image.choice.id === refusal.imageId;
  return isSame ? refusal : undefined;
}
