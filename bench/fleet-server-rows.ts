import { isSignedBy, makePrivateKey, publicKeyText, signText } from '../src/base/fleet-keys.ts';
import { bareNodeBytes } from './bare-node.ts';
import { measureThousand } from './fleet-thousand.ts';
import { at, megabytes, milliseconds, percent, type Row } from './table.ts';

const agents = 1_000;
/** Of 1,000 agents: a heartbeat each 10 s, a long poll each 50 s. */
const requestsPerSecond = 120;

/** A server with many agents. */
export async function fleetServerRows(): Promise<Row[]> {
  const figure = `server with ${agents.toLocaleString('en')} agents, 10 s heartbeats with metrics`;
  const { server, pollMs, bareMs, times, backMs, offline } = await measureThousand(agents);
  return [
    {
      figure: `${figure}: CPU`,
      value: `${percent(server.cpu)} of a core`,
      target: '<= 30 %',
      floor: `their signatures alone ${percent(signatureShare())}`,
    },
    {
      figure: '  its memory',
      value: megabytes(server.residentBytes),
      target: '<= 250 MB',
      floor: `bare Node ${megabytes(await bareNodeBytes())}`,
    },
    {
      figure: '  a poll that finds nothing new, as a process apart sees it',
      value: middleAndEnd(pollMs),
      target: '<= 5 ms p99',
      floor: `bare Node, asked in turn with it ${middleAndEnd(bareMs)}`,
    },
    {
      figure: '    of that in the server, from its head to its answer',
      value: middleAndEnd(times.pollMs),
      target: '',
      floor: `its event loop was late by ${milliseconds(times.lateMs.p50)} p50, ${milliseconds(times.lateMs.p99)} p99`,
    },
    {
      figure: '    its pauses to collect what is young',
      value: pauses(times.youngMs),
      target: '',
      floor: `all the rest: ${pauses(times.otherMs)}`,
    },
    {
      figure: '  all back after its restart',
      value: `${(backMs / 1_000).toFixed(1)} s, ${offline} taken for offline`,
      target: '<= 15 s',
      floor: 'heartbeats 10 s apart',
    },
  ];
}

function middleAndEnd(values: readonly number[]): string {
  return `${milliseconds(at(values, 0.5))} p50, ${milliseconds(at(values, 0.99))} p99`;
}

function pauses(values: readonly number[]): string {
  return `${values.length} in a minute, ${values.length === 0 ? 'none' : middleAndEnd(values)}`;
}

/** Share of a core that it takes to verify what so many agents sign. */
function signatureShare(): number {
  const key = makePrivateKey('ed25519');
  const publicKey = publicKeyText(key);
  const text = 'x'.repeat(300);
  const signature = signText(key, text);
  const { user, system } = process.cpuUsage();
  const rounds = 2_000;
  for (let round = 0; round < rounds; round++) isSignedBy(publicKey, text, signature);
  const after = process.cpuUsage();
  return ((after.user + after.system - user - system) / 1e6 / rounds) * requestsPerSecond;
}
