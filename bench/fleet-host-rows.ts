import { privateEngineObstacle } from '../test/support/private-engine.ts';
import { bareNodeBytes } from './bare-node.ts';
import { measureHost } from './fleet-host.ts';
import { measureReconcile } from './reconcile.ts';
import { at, megabytes, middleAndTail, milliseconds, percent, type Row } from './table.ts';

/** An agent that keeps one host. */
export async function fleetHostRows(): Promise<Row[]> {
  const decision = `the decision alone ${milliseconds(measureReconcile(50))}`;
  const obstacle = await privateEngineObstacle();
  if (obstacle !== undefined) return [{ figure: 'an agent and its engine', value: obstacle, target: '-', floor: '-' }];
  const { agent, editMs, killMs, bare, noOpMs } = await measureHost();
  const over = (whole: readonly number[], floor: readonly number[]) =>
    `, ${milliseconds(at(whole, 0.5) - at(floor, 0.5))} over the floor`;
  return [
    {
      figure: 'agent as in its image, 20 containers, 10 s heartbeats with metrics: memory',
      value: megabytes(agent.residentBytes),
      target: '<= 100 MB',
      floor: `bare Node ${megabytes(await bareNodeBytes())}`,
    },
    { figure: '  its CPU over 60 s', value: `${percent(agent.cpu)} of a core`, target: '<= 0.5 %', floor: '-' },
    {
      figure: '  edit until the container runs',
      value: `${middleAndTail(editMs)}${over(editMs, bare.createAndStartMs)}`,
      target: '<= 400 ms p50',
      floor: `bare create and start ${middleAndTail(bare.createAndStartMs)}`,
    },
    {
      figure: '  killed until it runs again',
      value: `${middleAndTail(killMs)}${over(killMs, bare.startMs)}`,
      target: '<= 500 ms p95',
      floor: `bare start ${middleAndTail(bare.startMs)}`,
    },
    {
      figure: '  a look at 50 containers with nothing to do: CPU',
      value: milliseconds(noOpMs),
      target: '<= 10 ms',
      floor: decision,
    },
  ];
}
