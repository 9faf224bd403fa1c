import type { AgentState, StateName } from './agent-state.ts';

/** Writes a text only when it is another one; several at once one after the other, the last one counts. */
export function keptText(state: AgentState, name: StateName): (text: string) => Promise<void> {
  let kept: string | undefined;
  let turn: Promise<void> = Promise.resolve();
  return async (text) => {
    if (text === kept) return await turn;
    kept = text;
    turn = turn
      .catch(() => undefined) // Whoever wrote it was told.
      .then(() => state.write(name, text))
      .catch((error: unknown) => {
        if (kept === text) kept = undefined;
        throw error;
      });
    await turn;
  };
}
