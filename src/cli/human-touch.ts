import { type Output, say } from './output.ts';
import type { ItemPatch, RunPatches } from './run-patches.ts';

/** Says which of these patches a person had their hands in. */
export async function sayHumanTouched(
  { state }: RunPatches,
  patches: readonly ItemPatch[],
  stderr: Output,
): Promise<void> {
  const touched = patches.filter(({ item }) => state.items.get(item)?.humanTouched === true).map(({ item }) => item);
  if (touched.length === 0) return;
  await say(stderr, `agora: human-touched: a person had a shell in the worktree of ${touched.join(', ')}`);
}
