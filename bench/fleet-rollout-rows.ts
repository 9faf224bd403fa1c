import { privateEngineObstacle } from '../test/support/private-engine.ts';
import { measureRollout } from './fleet-rollout.ts';
import { at, milliseconds, type Row } from './table.ts';

const hosts = 8;
const rounds = 3;

/** Many hosts that are declared at once. */
export async function fleetRolloutRows(): Promise<Row[]> {
  const figure = `${hosts} engines x 5 containers over the engines' own floor`;
  const target = '<= 1.2x';
  const obstacle = await privateEngineObstacle();
  if (obstacle !== undefined) return [{ figure, value: obstacle, target, floor: '-' }];
  const { fleetMs, floorMs } = await measureRollout(hosts, rounds);
  const [fleet, floor] = [at(fleetMs, 0.5), at(floorMs, 0.5)];
  return [
    {
      figure,
      value: `${(fleet / floor).toFixed(2)}x, ${milliseconds(fleet)} p50`,
      target,
      floor: `made directly, 4 at once each: ${milliseconds(floor)} p50`,
    },
  ];
}
