import { formatDuration } from '../base/duration.ts';
import type { Build } from '../contracts/builds.ts';
import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { agoText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const hostBuildLs = defineCommand(
  {
    operands: ['<host>'],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: ['One line each, the newest first, with tabs between: id, image, state, when, how long it took, outcome.'],
    examples: ['agora host build ls gpu-box-1'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId: host } = await findHost(client, word);
    const { builds } = await client.call('listBuilds', { params: { host } });
    if (options.json === true) {
      await say(context.stdout, jsonText(builds, 2));
      return exitCodes.ok;
    }
    if (builds.length === 0) await say(context.stderr, 'agora: nothing was built there yet');
    const rows = builds.map((build) => rowOf(build, client.now()));
    if (rows.length > 0) await printTable(context.stdout, ['build', 'image', 'state', 'when', 'took', 'outcome'], rows);
    return exitCodes.ok;
  },
);

function rowOf(build: Build, now: number): string[] {
  const { buildId, image, queuedAt, startedAt, endedAt } = build;
  const until = endedAt === undefined ? now : Date.parse(endedAt);
  const took = startedAt === undefined ? '' : formatDuration(Math.max(0, until - Date.parse(startedAt)));
  return [buildId, image, stateText(build), agoText(queuedAt, now), took, outcomeText(build)];
}

function stateText({ state, step }: Build): string {
  return state === 'running' && step !== undefined ? `step ${step.number} of ${step.of}` : state;
}

function outcomeText({ problem, pushedDigest, imageId }: Build): string {
  if (problem !== undefined) return problem;
  return pushedDigest === undefined ? (imageId ?? '') : `pushed ${pushedDigest}`;
}
