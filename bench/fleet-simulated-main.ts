import { waitUntil } from '../src/base/deadline.ts';
import { SimulatedAgent } from './fleet-simulated-agent.ts';

/** What the bench asks of the process with the simulated agents. */
export type Asked =
  | { readonly kind: 'start'; readonly port: number; readonly joinToken: string; readonly count: number }
  /** To be told when all have registered anew and are as before. */
  | { readonly kind: 'await-return' };

/** What it answers. */
export interface Answered {
  readonly kind: 'all-there';
  /** Since it was asked. */
  readonly ms: number;
}

const startMs = 20_000;
const patience = { timeoutMs: 300_000, intervalMs: 50 };
const agents: SimulatedAgent[] = [];
const ending = new AbortController();

process.on('disconnect', () => {
  ending.abort();
  process.exit();
});
process.on('message', (asked: Asked) => {
  const since = performance.now();
  if (asked.kind === 'start') start(asked);
  const isThere = (agent: SimulatedAgent) =>
    agent.hasTarget && agent.hasSocket && agent.registeredAt >= since && agent.beatAt > agent.registeredAt;
  void waitUntil('all agents', () => agents.every(isThere), patience).then(() => {
    process.send?.({ kind: 'all-there', ms: performance.now() - since } satisfies Answered);
  });
});

/** Spread over some time, as hosts do not all start at once; that their heartbeats stay so is the point. */
function start({ port, joinToken, count }: Extract<Asked, { kind: 'start' }>): void {
  for (let index = 0; index < count; index += 1) {
    // An address of its own for each, so that none shares the connections of another.
    const url = `http://127.1.${index >> 8}.${index & 255}:${port}`;
    const agent = new SimulatedAgent({ url, name: `sim-${index}`, joinToken });
    agents.push(agent);
    setTimeout(() => void agent.run(ending.signal), (startMs * index) / count);
  }
}
