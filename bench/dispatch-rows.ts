import { measureDispatch, type Ten, type Timed } from './dispatch.ts';
import { milliseconds, type Row } from './table.ts';

const rounds = 25;

/** What a dispatch through an engine takes beside a bare container. */
export async function dispatchRows(): Promise<Row[]> {
  const times = await measureDispatch(rounds);
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
