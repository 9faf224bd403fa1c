import { sleep } from '../src/base/deadline.ts';
import { residentBytesOf } from './process-use.ts';
import type { EnginePlace } from './session-engine.ts';
import { type Program, readWhole } from './session-program.ts';
import { type Compared, typeKey } from './session-times.ts';

/** While somebody reads no further in what a program says without end. */
export interface Endless {
  readonly server: Growth;
  readonly agent: Growth;
  /** Of keys in a terminal beside it, over the same link, and in turn in one of the engine's own. */
  readonly echoes: Compared;
  /** From Ctrl-C, with which its reader reads on, until the program's exit is known. */
  readonly interruptMs: number;
}

/** In bytes. */
export interface Growth {
  /** The most that was seen. */
  readonly resident: number;
  /** Of what is no garbage, in the heap and outside. */
  readonly held: number;
}

const betweenKeysMs = 50;
/** Read before the pause: more than is kept anywhere. */
const firstBytes = 4 * 1024 * 1024;

export async function measureEndless(place: EnginePlace, pausedSeconds: number): Promise<Endless> {
  const [beside, own] = [await place.ours(['cat'], true), await place.own(['cat'], true)];
  // What is loaded at first use is there in any case.
  for (let key = 0; key < 20; key += 1) await typeKey(beside);
  const pids = { server: place.fleet.serverPid, agent: place.agentPid };
  const before = { server: await lookAt(place, pids.server), agent: await lookAt(place, pids.agent) };
  const endless = await started(place);
  const most = { server: 0, agent: 0 };
  const [oursMs, ownMs]: [number[], number[]] = [[], []];
  for (const pausedAt = performance.now(); performance.now() - pausedAt < pausedSeconds * 1_000; ) {
    oursMs.push(await typeKey(beside));
    ownMs.push(await typeKey(own));
    most.server = Math.max(most.server, await residentBytesOf(pids.server));
    most.agent = Math.max(most.agent, await residentBytesOf(pids.agent));
    await sleep(betweenKeysMs);
  }
  const after = { server: await lookAt(place, pids.server), agent: await lookAt(place, pids.agent) };
  const interruptMs = await interrupted(endless);
  beside.close();
  own.close();
  const growth = (who: 'server' | 'agent'): Growth => ({
    resident: most[who] - before[who].resident,
    held: after[who].held - before[who].held,
  });
  return { server: growth('server'), agent: growth('agent'), echoes: { oursMs, ownMs }, interruptMs };
}

/** One that has said much already. */
async function started(place: EnginePlace): Promise<Program> {
  const endless = await place.ours(['busybox', 'yes'], true);
  for (let read = 0; read < firstBytes; ) {
    const part = await endless.next();
    if (part === undefined) throw new Error('What has no end has ended');
    read += part.length;
  }
  return endless;
}

async function interrupted(endless: Program): Promise<number> {
  const at = performance.now();
  await endless.write('\x03');
  await readWhole(endless);
  const code = await endless.exit();
  if (code !== 130) throw new Error(`Ctrl-C made it end with ${code}`);
  return performance.now() - at;
}

async function lookAt({ fleet }: EnginePlace, pid: number) {
  const resident = await residentBytesOf(pid);
  const { heap, external } = await fleet.heldBytes(pid);
  return { resident, held: heap + external };
}
