import { cpus } from 'node:os';
import { measureDispatch, type Ten, type Timed } from './dispatch.ts';
import { commitTimesMs } from './floor.ts';
import { measureRun } from './orchestrator.ts';

interface Row {
  readonly figure: string;
  readonly value: string;
  readonly target: string;
  readonly floor: string;
}

const commitSamples = 500;
const dispatchRounds = 12;
const chainLength = 200;

/** Prints the table of DESIGN section 10, as far as it is built, with this machine's own floor beside each figure. */
async function main(): Promise<void> {
  const commits = await commitTimesMs(commitSamples);
  const commitMs = at(commits, 0.5);
  const commitFloor = `one durable commit ${milliseconds(commitMs)} p50, ${milliseconds(at(commits, 0.99))} p99`;
  const rows: Row[] = [];
  for (const count of [1_000, 10_000]) rows.push(await independentItems(count, commitMs));
  rows.push(await fanOut(2_000, commitFloor), await chain(commitFloor), ...(await dispatches()));

  const headings: Row = { figure: 'figure', value: 'here', target: 'target', floor: 'this machine' };
  const all = [headings, ...rows];
  const width = (key: keyof Row) => Math.max(...all.map((row) => row[key].length));
  const [figure, value, target] = [width('figure'), width('value'), width('target')];
  process.stdout.write(
    `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}\n\n`,
  );
  for (const row of all) {
    process.stdout.write(
      `${row.figure.padEnd(figure)}  ${row.value.padEnd(value)}  ${row.target.padEnd(target)}  ${row.floor}\n`,
    );
  }
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
  const hops = executedAtMs
    .slice(1)
    .map((time, index) => time - (executedAtMs[index] ?? 0))
    .sort((left, right) => left - right);
  return {
    figure: `chain of ${chainLength}, per hop`,
    value: `${milliseconds(at(hops, 0.5))} p50, ${milliseconds(at(hops, 0.99))} p99`,
    target: '<= 1 ms p50, <= 10 ms p99',
    floor,
  };
}

async function dispatches(): Promise<Row[]> {
  const times = await measureDispatch(dispatchRounds);
  const figure = 'whole dispatch through Docker over the floor';
  if (times === undefined) return [{ figure, value: 'no engine answers', target: '<= 1.15x', floor: '-' }];
  const { floor, dispatch, nodeDispatch, tenDispatches, tenBare } = times;
  const against = ({ totalMs }: Timed) => `${(totalMs / floor.totalMs).toFixed(2)}x, ${milliseconds(totalMs)} p50`;
  const bare = `bare container ${milliseconds(floor.totalMs)} p50`;
  return [
    { figure, value: against(dispatch), target: '<= 1.15x', floor: bare },
    { figure: '  its stages', value: stagesOf(dispatch), target: '-', floor: stagesOf(floor) },
    { figure: '  its command is `node -e 0` as well', value: against(nodeDispatch), target: '-', floor: bare },
    {
      figure: 'ten dispatches at once over ten in sequence',
      value: tenfold(tenDispatches),
      target: '<= 0.6x',
      floor: `bare containers ${tenfold(tenBare)}`,
    },
  ];
}

function tenfold({ atOnceMs, inSequenceMs }: Ten): string {
  return `${(atOnceMs / inSequenceMs).toFixed(2)}x, ${milliseconds(atOnceMs)}`;
}

function stagesOf({ stages }: Timed): string {
  return Object.entries(stages)
    .map(([name, ms]) => `${name} ${ms.toFixed(0)}`)
    .join(', ');
}

/** The value at a share of a sorted list. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function milliseconds(value: number): string {
  return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(2)} ms`;
}

await main();
