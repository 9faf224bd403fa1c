import type { DispatchId } from '../contracts/ids.ts';
import type { ItemNode } from './board.ts';
import type { AttemptRequest, NeedSource, PatchSource, Resume } from './executor.ts';
import { clashingHolders } from './lock-table.ts';

/** What the attempt an item is at is asked to do. The same rows give the same request. */
export function requestOf(node: ItemNode, dispatchId: DispatchId): AttemptRequest {
  const resume = resumeOf(node);
  return {
    item: node.plan,
    attempt: node.attempt,
    dispatchId,
    patches: patchesBefore(node),
    needs: needsOf(node),
    ...(resume === undefined ? {} : { resume }),
  };
}

/** Patches an item's worktree holds, in commit order: its dependencies', however far back, and those of earlier lock holders. */
function patchesBefore(node: ItemNode): PatchSource[] {
  if (node.run.patched.length === 0) return [];
  const found = new Set<ItemNode>();
  const visited = new Set<ItemNode>();
  const next = [...node.dependencies];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (visited.has(at)) continue;
    visited.add(at);
    if (at.resultRef !== undefined) found.add(at);
    next.push(...at.dependencies);
  }
  for (const key of node.locks) {
    for (const holders of clashingHolders(node.run.doneUnderLock, key)) for (const holder of holders) found.add(holder);
  }
  return [...found]
    .sort((left, right) => (left.doneAt ?? 0) - (right.doneAt ?? 0))
    .flatMap((item) => (item.resultRef === undefined ? [] : [{ item: item.id, ref: item.resultRef }]));
}

/** The products an item's `needs` name; one that its maker did not bring is left out, and the executor says so. */
function needsOf(node: ItemNode): NeedSource[] {
  return Object.entries(node.plan.needs ?? {}).flatMap(([key, need]) => {
    const { select } = need;
    const artifact = node.run.itemsById
      .get(need.from)
      ?.artifacts.find((made) => made.port === select.kind && (select.kind === 'patch' || made.path === select.path));
    return artifact === undefined ? [] : [{ key, ref: artifact.ref }];
  });
}

/** What the next attempt of an item goes on with, once its question was answered. */
function resumeOf({ inquiry }: ItemNode): Resume | undefined {
  if (inquiry?.answer === undefined) return undefined;
  const { question, partialPatch, session, sessionId } = inquiry;
  return {
    question: question.ref,
    answer: inquiry.answer.ref,
    ...(partialPatch === undefined ? {} : { partialPatch }),
    ...(session === undefined ? {} : { session }),
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}
