import type { EnginePlace } from './session-engine.ts';
import { type Program, readWhole } from './session-program.ts';

/** The same through server and agent, and as the engine does it by itself for who is beside it; in turn. */
export interface Compared {
  readonly oursMs: readonly number[];
  readonly ownMs: readonly number[];
}

/** From the wish until the first byte of a program's output. */
export async function measureOpens(place: EnginePlace, rounds: number): Promise<Compared> {
  const one = async (start: (command: readonly string[], isTerminal: boolean) => Promise<Program>) => {
    const startedAt = performance.now();
    const program = await start(['echo', 'here'], false);
    const first = await program.next();
    const tookMs = performance.now() - startedAt;
    if (first === undefined) throw new Error('A program said nothing');
    await readWhole(program);
    await program.exit();
    return tookMs;
  };
  return await inTurn(rounds, {
    ours: () => one((...words) => place.ours(...words)),
    own: () => one((...words) => place.own(...words)),
  });
}

/** From a key until it is shown by a terminal on which nothing else happens. */
export async function measureEchoes(place: EnginePlace, rounds: number): Promise<Compared> {
  const [ours, own] = [await place.ours(['cat'], true), await place.own(['cat'], true)];
  try {
    return await inTurn(rounds, { ours: () => typeKey(ours), own: () => typeKey(own) });
  } finally {
    ours.close();
    own.close();
  }
}

/** How long it takes until it is shown. */
export async function typeKey(program: Program): Promise<number> {
  const typedAt = performance.now();
  await program.write('k');
  if ((await program.next()) === undefined) throw new Error('The terminal was gone');
  return performance.now() - typedAt;
}

async function inTurn(
  rounds: number,
  ways: Readonly<Record<'ours' | 'own', () => Promise<number>>>,
): Promise<Compared> {
  const [oursMs, ownMs]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    oursMs.push(await ways.ours());
    ownMs.push(await ways.own());
  }
  // The first loads what is needed.
  return { oursMs: oursMs.slice(1), ownMs: ownMs.slice(1) };
}
