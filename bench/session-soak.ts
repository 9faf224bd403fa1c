import { readdir, readlink } from 'node:fs/promises';
import { waitUntil } from '../src/base/deadline.ts';
import type { HeldBytes } from './memory-probe.ts';
import { cpuSecondsOf, type ProcessUse, watchProcess } from './process-use.ts';
import { Caller } from './session-caller.ts';
import type { SessionFleet } from './session-fleet.ts';
import { PatternCheck } from './session-pattern.ts';
import { pour } from './session-programs.ts';

export interface SoakOptions {
  readonly terminals: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
}

export interface Soak {
  readonly server: SoakedProcess;
  readonly agent: SoakedProcess;
  /** Of one core, of this process, which reads and checks every byte. */
  readonly callerCpu: number;
  /** Of all terminals together. */
  readonly receivedBytes: number;
  /** From the first OPEN until the last exit. */
  readonly tookSeconds: number;
  /** Terminals that ended other than by themselves, or without some of their bytes. */
  readonly failures: readonly string[];
}

export interface SoakedProcess extends ProcessUse {
  /** What it holds more than before, once its garbage is collected. */
  readonly heldBytes: number;
  readonly sockets: number;
}

/** What a read of a terminal gives at most. */
const chunkBytes = 4_095;
const patience = { timeoutMs: 60_000, intervalMs: 50 };
const letGo = { timeoutMs: 10_000, intervalMs: 100 };

/** So many terminals at once that each print at their pace, read by callers that check each byte. */
export async function soak(fleet: SessionFleet, { terminals, seconds, bytesPerSecond }: SoakOptions): Promise<Soak> {
  // What is loaded and grown at first use is no leak.
  await pourAll(fleet, { terminals, bytes: chunkBytes, bytesPerSecond });
  const pids = { server: fleet.serverPid, agent: fleet.agentPid };
  const before = { server: await lookAt(fleet, pids.server), agent: await lookAt(fleet, pids.agent) };
  const cpuBefore = await cpuSecondsOf(process.pid);
  const startedAt = performance.now();
  const [{ receivedBytes, failures }, server, agent] = await Promise.all([
    pourAll(fleet, { terminals, bytes: seconds * bytesPerSecond, bytesPerSecond }),
    watchProcess(pids.server, seconds),
    watchProcess(pids.agent, seconds),
  ]);
  const tookSeconds = (performance.now() - startedAt) / 1_000;
  const callerCpu = ((await cpuSecondsOf(process.pid)) - cpuBefore) / tookSeconds;
  await isLetGo(pids.server, before.server);
  await isLetGo(pids.agent, before.agent);
  const after = { server: await lookAt(fleet, pids.server), agent: await lookAt(fleet, pids.agent) };
  return {
    server: { ...server, ...growth(before.server, after.server) },
    agent: { ...agent, ...growth(before.agent, after.agent) },
    callerCpu,
    receivedBytes,
    tookSeconds,
    failures,
  };
}

interface Poured {
  readonly terminals: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

async function pourAll(fleet: SessionFleet, { terminals, bytes, bytesPerSecond }: Poured) {
  const callers = (await fleet.users(terminals)).map((target) => new Caller(target));
  const failures: string[] = [];
  let receivedBytes = 0;
  const pourOne = async (seed: number) => {
    const caller = callers[seed % callers.length];
    const running = caller?.exec(pour({ seed, bytes, bytesPerSecond, chunkBytes }));
    const check = new PatternCheck(seed);
    for await (const part of running?.session.output() ?? []) {
      check.take(part.bytes);
      receivedBytes += part.bytes.length;
    }
    const outcome = await running?.outcome;
    const isWhole = check.received === bytes && outcome?.kind === 'ended' && outcome.exit?.code === 0;
    if (!isWhole) failures.push(`terminal ${seed}: ${check.received} of ${bytes} bytes, ${JSON.stringify(outcome)}`);
  };
  const fail = (seed: number) => (error: unknown) => void failures.push(`terminal ${seed}: ${error}`);
  await Promise.all(Array.from({ length: terminals }, (_, seed) => pourOne(seed).catch(fail(seed))));
  for (const caller of callers) caller.close();
  await waitUntil('all sessions to be over', async () => (await fleet.openSessions()) === 0, patience);
  return { receivedBytes, failures };
}

interface Seen {
  readonly held: HeldBytes;
  readonly sockets: number;
}

async function lookAt({ fleet }: SessionFleet, pid: number): Promise<Seen> {
  return { held: await fleet.heldBytes(pid), sockets: await socketsOf(pid) };
}

/** The sockets of callers that have left close within a moment; what does not is told. */
async function isLetGo(pid: number, { sockets }: Seen): Promise<void> {
  const isSo = async () => (await socketsOf(pid)) <= sockets;
  await waitUntil('its sockets to be closed', isSo, letGo).catch(() => undefined);
}

/** Not all it has open: a thread that begins to work meanwhile opens some of its own. */
async function socketsOf(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const gone = () => ''; // It was closed between the two looks.
  const targets = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(gone)));
  return targets.filter((target) => target.startsWith('socket:')).length;
}

function growth(before: Seen, after: Seen): Pick<SoakedProcess, 'heldBytes' | 'sockets'> {
  return {
    heldBytes: after.held.heap + after.held.external - before.held.heap - before.held.external,
    sockets: after.sockets - before.sockets,
  };
}
