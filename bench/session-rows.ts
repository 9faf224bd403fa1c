import { privateEngineObstacle } from '../test/support/private-engine.ts';
import { Caller } from './session-caller.ts';
import { measureEndless } from './session-endless.ts';
import { EnginePlace } from './session-engine.ts';
import { SessionFleet } from './session-fleet.ts';
import { PatternCheck } from './session-pattern.ts';
import { programHere, readWhole } from './session-program.ts';
import { pour } from './session-programs.ts';
import { type SoakedProcess, soak } from './session-soak.ts';
import { type Compared, measureEchoes, measureOpens } from './session-times.ts';
import { at, megabytes, middleAndTail, milliseconds, percent, type Row } from './table.ts';
import { bareRelayRate } from './websocket-relay.ts';

const opens = 60;
const keys = 1_000;
const pausedSeconds = 60;
const pouredBytes = 1_000_000_000;
const engineBytes = 512 * 1024 * 1024;
const soakSeconds = 60;
const terminals = 500;
const bytesPerSecond = 40_000;

/** Sessions of a real engine through a server and an agent, and of scripted programs where an engine would be what is measured. */
export async function sessionRows(): Promise<Row[]> {
  return [...(await engineRows()), ...(await scriptedRows())];
}

async function engineRows(): Promise<Row[]> {
  const obstacle = await privateEngineObstacle();
  if (obstacle !== undefined) return [{ figure: 'sessions', value: obstacle, target: '-', floor: '-' }];
  const place = await EnginePlace.start();
  try {
    const opened = await measureOpens(place, opens);
    const echoes = await measureEchoes(place, keys);
    const rates = await engineRates(place);
    const { server, agent, echoes: beside, interruptMs } = await measureEndless(place, pausedSeconds);
    return [
      {
        figure: 'exec until its first output, through server and agent',
        value: middleAndTail(opened.oursMs),
        target: '<= 100 ms',
        floor: `engine's own ${middleAndTail(opened.ownMs)}`,
      },
      {
        figure: "  a key's echo, added to the engine's own",
        value: `${milliseconds(added(echoes, 0.5))} p50, ${milliseconds(added(echoes, 0.99))} p99`,
        target: '<= 5 ms',
        floor: `engine's own ${middleAndEnd(echoes.ownMs)}`,
      },
      {
        figure: '  its output',
        value: `${megabytes(rates.ours)}/s`,
        target: '>= 50 MB/s',
        floor: `engine's own ${megabytes(rates.own)}/s`,
      },
      {
        figure: `  endless output nobody reads for ${pausedSeconds} s: the server grows by`,
        value: `${megabytes(server.resident)}, ${megabytes(server.held)} of it no garbage`,
        target: '<= 8 MB',
        floor: '-',
      },
      {
        figure: '    the agent grows by',
        value: `${megabytes(agent.resident)}, ${megabytes(agent.held)} of it no garbage`,
        target: '<= 8 MB',
        floor: '-',
      },
      {
        figure: '    echo in another session on the same link',
        value: middleAndEnd(beside.oursMs),
        target: '<= 20 ms p99',
        floor: `engine's own ${middleAndEnd(beside.ownMs)}`,
      },
      {
        figure: '    Ctrl-C until the exit is known',
        value: milliseconds(interruptMs),
        target: '<= 200 ms',
        floor: '-',
      },
    ];
  } finally {
    await place.close();
  }
}

async function engineRates(place: EnginePlace): Promise<{ readonly ours: number; readonly own: number }> {
  const command = ['dd', 'if=/dev/zero', 'bs=65536', `count=${engineBytes / 65_536}`];
  const rate = async (program: ReturnType<EnginePlace['ours']>) => {
    const startedAt = performance.now();
    await readWhole(await program);
    return (engineBytes * 1_000) / (performance.now() - startedAt);
  };
  return { ours: await rate(place.ours(command, false)), own: await rate(place.own(command, false)) };
}

async function scriptedRows(): Promise<Row[]> {
  const fleet = await SessionFleet.start();
  try {
    const rate = await pouredRate(fleet);
    const { server, agent, callerCpu, receivedBytes, tookSeconds, failures } = await soak(fleet, {
      terminals,
      seconds: soakSeconds,
      bytesPerSecond,
    });
    const lost = terminals * soakSeconds * bytesPerSecond - receivedBytes;
    return [
      {
        figure: 'session of a program that costs nothing: its output, each byte checked',
        value: `${megabytes(rate)}/s`,
        target: '>= 50 MB/s',
        floor: `bare WebSocket relay of two processes ${megabytes(await bareRelayRate(pouredBytes))}/s`,
      },
      {
        figure: `${terminals} terminals at ${bytesPerSecond / 1_000} KB/s for ${soakSeconds} s: lost`,
        value: `${lost} bytes, ${failures.length} terminals`,
        target: 'none',
        floor: `${tookSeconds.toFixed(1)} s in all; who reads and checks takes ${percent(callerCpu)} of a core`,
      },
      soakRow('  the server', server),
      soakRow('  the agent', agent),
    ];
  } finally {
    await fleet.close();
  }
}

async function pouredRate({ target }: SessionFleet): Promise<number> {
  const caller = new Caller(target);
  const check = new PatternCheck(0);
  const startedAt = performance.now();
  const words = pour({ seed: 0, bytes: pouredBytes, bytesPerSecond: Number.POSITIVE_INFINITY, chunkBytes: 65_536 });
  const program = programHere(caller.exec(words));
  for (let part = await program.next(); part !== undefined; part = await program.next()) check.take(part);
  caller.close();
  if (check.received !== pouredBytes) throw new Error(`Only ${check.received} bytes came`);
  return (pouredBytes * 1_000) / (performance.now() - startedAt);
}

function soakRow(figure: string, { cpu, residentBytes, heldBytes, sockets }: SoakedProcess): Row {
  return {
    figure,
    value: `${percent(cpu)} of a core, ${megabytes(residentBytes)}`,
    target: '-',
    floor: `${megabytes(heldBytes)} and ${sockets} sockets more after it than before`,
  };
}

function added({ oursMs, ownMs }: Compared, share: number): number {
  return at(oursMs, share) - at(ownMs, share);
}

function middleAndEnd(values: readonly number[]): string {
  return `${milliseconds(at(values, 0.5))} p50, ${milliseconds(at(values, 0.99))} p99`;
}
