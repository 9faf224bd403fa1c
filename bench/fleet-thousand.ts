import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { sleep, waitUntil } from '../src/base/deadline.ts';
import { TestAgent } from '../src/server/suite-server.ts';
import { ServerClient } from '../src/server-client/server-client.ts';
import { BareNode } from './bare-node.ts';
import { FleetProcesses } from './fleet-processes.ts';
import { specOf } from './fleet-samples.ts';
import type { ServerTimes } from './fleet-server-times.ts';
import type { Answered, Asked } from './fleet-simulated-main.ts';
import { type ProcessUse, watchProcess } from './process-use.ts';

export interface Thousand {
  readonly server: ProcessUse;
  /** Of polls that find nothing new, sorted by nothing, as a process that does nothing else sees them. */
  readonly pollMs: readonly number[];
  /** Of the same requests to a bare server of Node's, in turn with those: what this machine leaves beside so many agents. */
  readonly bareMs: readonly number[];
  /** Of the polls, what passed in the server. */
  readonly times: ServerTimes;
  /** From the end of the old server until the last agent was as before. */
  readonly backMs: number;
  /** Hosts that the new server then takes for offline. */
  readonly offline: number;
}

const workspaces = 5;
/** After the last agent came, until the server only does what it does all day. */
const settleMs = 20_000;
const watchSeconds = 60;
const betweenPollsMs = 12;

/** A server with so many agents at their usual pace, in a process of their own. */
export async function measureThousand(count: number): Promise<Thousand> {
  // Listening everywhere, so that each agent has a loopback address of its own.
  const fleet = await FleetProcesses.start({ listen: '0.0.0.0:0', watchesTimes: true });
  const bare = await BareNode.start();
  const agents = fork(new URL('./fleet-simulated-main.ts', import.meta.url));
  // They stand for other machines, whose processors are not the server's.
  if (agents.pid !== undefined) setPriority(agents.pid, constants.priority.PRIORITY_LOW);
  try {
    await startAgents(agents, fleet, count);
    await sleep(settleMs);
    const pollMs: number[] = [];
    const bareMs: number[] = [];
    const prober = await aProber(fleet, bare);
    const polling = new AbortController();
    const takeTimes = fleet.watchTimes();
    const polls = poll(
      [
        { ask: prober.poll, timesMs: pollMs },
        { ask: prober.pollBare, timesMs: bareMs },
      ],
      polling.signal,
    );
    const server = await watchProcess(fleet.serverPid, watchSeconds);
    polling.abort();
    await polls;
    const times = await takeTimes();
    const back = ask(agents, { kind: 'await-return' });
    await fleet.restartServer();
    const { ms: backMs } = await back;
    const { hosts } = await fleet.admin.call('listHosts', {});
    // The prober is not one of those that come back.
    const offline = hosts.filter(({ name, link }) => name !== proberName && link.link === 'offline').length;
    return { server, pollMs, bareMs, times, backMs, offline };
  } finally {
    agents.kill();
    await bare.stop();
    await fleet.close();
  }
}

async function startAgents(agents: ChildProcess, fleet: FleetProcesses, count: number): Promise<void> {
  const joinToken = await fleet.joinToken(count);
  const port = Number(new URL(fleet.url).port);
  const there = ask(agents, { kind: 'start', port, joinToken, count });
  const isRegistered = async () => (await fleet.admin.call('listHosts', {})).hosts.length === count;
  await waitUntil('all simulated agents', isRegistered, { timeoutMs: 300_000, intervalMs: 2_000 });
  const spec = specOf('bench:1', workspaces);
  for (const { name } of (await fleet.admin.call('listHosts', {})).hosts) {
    await fleet.admin.call('applySpec', { params: { host: name }, body: { spec } });
  }
  await there;
}

async function ask(agents: ChildProcess, asked: Asked): Promise<Answered> {
  const answered = once(agents, 'message');
  agents.send(asked);
  const [answer] = await answered;
  return answer as Answered; // The only thing that process sends.
}

const proberName = 'prober';

/** An agent of this idle process, so that the times are the server's alone. It asks the bare server as it asks ours. */
async function aProber(fleet: FleetProcesses, bare: BareNode) {
  const agent = new TestAgent(fleet.url);
  await agent.register({ joinToken: await fleet.joinToken(1), name: proberName });
  await fleet.admin.call('applySpec', { params: { host: proberName }, body: { spec: specOf('bench:1', workspaces) } });
  const first = await agent.client.send('desired', {});
  const headers = { 'if-none-match': first.headers.get('etag') ?? '' };
  await first.body?.cancel();
  const ofBare = new ServerClient({ url: bare.url, authorize: (request) => agent.authorization(request, 1) });
  const pollOf = (client: ServerClient) => async () => {
    const { status } = await client.send('desired', {}, { headers });
    if (status !== 304) throw new Error(`The poll found something new: ${status}`);
  };
  return { poll: pollOf(agent.client), pollBare: pollOf(ofBare) };
}

interface Polled {
  readonly ask: () => Promise<unknown>;
  readonly timesMs: number[];
}

async function poll(polled: readonly Polled[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const { ask, timesMs } of polled) {
      const startedAt = performance.now();
      await ask();
      timesMs.push(performance.now() - startedAt);
      await sleep(betweenPollsMs);
    }
  }
}
