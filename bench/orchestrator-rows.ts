import { commitTimesMs } from './floor.ts';
import { measureRun } from './orchestrator.ts';
import { at, milliseconds, type Row } from './table.ts';

const commitSamples = 500;
const chainLength = 200;

/** What the orchestrator adds to work that does nothing. */
export async function orchestratorRows(): Promise<Row[]> {
  const commits = await commitTimesMs(commitSamples);
  const commitMs = at(commits, 0.5);
  const floor = `one durable commit ${milliseconds(commitMs)} p50, ${milliseconds(at(commits, 0.99))} p99`;
  const rows: Row[] = [];
  for (const count of [1_000, 10_000]) rows.push(await independentItems(count, commitMs));
  return [...rows, await fanOut(2_000, floor), await chain(floor)];
}

async function independentItems(count: number, commitMs: number): Promise<Row> {
  const items = Array.from({ length: count }, (_, index) => ({ id: `i${index}`, executor: 'noop' }));
  const run = await measureRun(items, 16);
  const rate = Math.round((count / run.runMs) * 1000);
  return {
    figure: `${count.toLocaleString('en')} independent no-op items, 16 at once`,
    value: `${rate.toLocaleString('en')} items/s, published after ${milliseconds(run.publishedMs)}`,
    target: count === 10_000 ? '>= 8,000 items/s' : '-',
    floor: `${Math.round(1000 / commitMs).toLocaleString('en')} single-row commits/s`,
  };
}

async function fanOut(count: number, floor: string): Promise<Row> {
  const items = Array.from({ length: count }, (_, index) => ({ id: `i${index}`, executor: 'noop' }));
  const join = { id: 'join', executor: 'noop', depends_on: items.map((item) => item.id) };
  const run = await measureRun([...items, join], 16);
  return {
    figure: `${count.toLocaleString('en')}-item fan-out and join`,
    value: milliseconds(run.runMs),
    target: '<= 500 ms',
    floor,
  };
}

async function chain(floor: string): Promise<Row> {
  const items = Array.from({ length: chainLength }, (_, index) => ({
    id: `i${index}`,
    executor: 'noop',
    depends_on: index === 0 ? [] : [`i${index - 1}`],
  }));
  const { executedAtMs } = await measureRun(items, 16);
  const hops = executedAtMs.slice(1).map((time, index) => time - (executedAtMs[index] ?? 0));
  return {
    figure: `chain of ${chainLength}, per hop`,
    value: `${milliseconds(at(hops, 0.5))} p50, ${milliseconds(at(hops, 0.99))} p99`,
    target: '<= 1 ms p50, <= 10 ms p99',
    floor,
  };
}
