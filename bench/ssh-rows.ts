import { homedir } from 'node:os';
import { dockerEngine } from '../src/engine/docker.ts';
import { describeEndpoint, type EngineEndpoint, resolveEngineEndpoint } from '../src/engine/endpoint.ts';
import type { Engine } from '../src/engine/engine.ts';
import { sshLinkTo } from '../src/engine/ssh-link.ts';
import { parseSshTarget } from '../src/engine/ssh-target.ts';
import { busyRunCost } from '../test/support/busy-run.ts';
import { shellProject } from '../test/support/shell-project.ts';
import { sshServerObstacle, startSshServer } from '../test/support/ssh-server.ts';
import { middleAndTail, milliseconds, type Row } from './table.ts';

const calls = 200;
const together = 30;
const busySeconds = 60;

/** What engine calls over SSH take beside the same calls over the engine's own socket, and what work over there costs here. */
export async function sshRows(): Promise<Row[]> {
  const figure = 'engine call over SSH, once connected';
  const target = '<= 2 ms';
  const local = await resolveEngineEndpoint({ env: process.env, homeDirectory: homedir() });
  const obstacle = local === undefined ? 'no engine is found' : await sshServerObstacle();
  if (local === undefined || obstacle !== undefined) return [{ figure, value: obstacle ?? '', target, floor: '-' }];
  const ends: (() => Promise<void> | void)[] = [];
  try {
    return await measure(local, { after: (end) => void ends.unshift(end as () => Promise<void>) }, { figure, target });
  } finally {
    for (const end of ends) await end();
  }
}

type Place = Parameters<typeof startSshServer>[0];

async function measure(
  local: EngineEndpoint,
  place: Place,
  { figure, target }: Pick<Row, 'figure' | 'target'>,
): Promise<Row[]> {
  const env = { DOCKER_HOST: describeEndpoint(local), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  const server = await startSshServer(place, { env });
  process.env['PATH'] = `${server.programs}:${process.env['PATH']}`;
  const link = parseSshTarget('ssh://target');
  place.after(() => sshLinkTo(link).close());
  const far = dockerEngine({ endpoint: { kind: 'ssh', target: link, source: 'bench' } });
  const near = dockerEngine({ endpoint: local });
  const opened = await timed(() => far.ping());
  await near.ping();
  const [overSsh, floor] = [await oneByOne(far), await oneByOne(near)];
  const [farTogether, nearTogether] = [await allAtOnce(far), await allAtOnce(near)];
  return [
    { figure, value: middleAndTail(overSsh), target, floor: `own socket ${middleAndTail(floor)}` },
    {
      figure: `  ${together} at once`,
      value: milliseconds(farTogether),
      target: '<= 60 ms',
      floor: `own socket ${milliseconds(nearTogether)}`,
    },
    { figure: '  the first, which connects', value: milliseconds(opened), target: '-', floor: '-' },
    await costRow(place, describeEndpoint(local)),
  ];
}

async function costRow(place: Place, ownSocket: string): Promise<Row> {
  const costAt = async (engine: string) => {
    const project = await shellProject(place, { engine });
    const daemon = (await project.serve()).child.pid ?? 0;
    await busyRunCost(project, daemon, 0);
    return `${(await busyRunCost(project, daemon, busySeconds)).toFixed(2)} s`;
  };
  const [far, near] = [await costAt('ssh://target'), await costAt(ownSocket)];
  return {
    figure: `  CPU of the daemon for ${busySeconds} s of work`,
    value: far,
    target: '<= 1 s',
    floor: `own socket ${near}`,
  };
}

async function oneByOne(engine: Engine): Promise<number[]> {
  const taken: number[] = [];
  for (let call = 0; call < calls; call++) taken.push(await timed(() => engine.ping()));
  return taken;
}

/** The best of a few: the first opens the connections. */
async function allAtOnce(engine: Engine): Promise<number> {
  const taken: number[] = [];
  for (let round = 0; round < 5; round++)
    taken.push(await timed(() => Promise.all(Array.from({ length: together }, () => engine.ping()))));
  return Math.min(...taken.slice(1));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
