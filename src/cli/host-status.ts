import { exitCodes } from '../contracts/errors.ts';
import type { StepReport, WorkspaceStatus } from '../contracts/host-change.ts';
import type { HostStatus } from '../contracts/routes-hosts.ts';
import { problemLine, progressText } from './change-text.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { admissionHint, agentText, agoText, engineText, linkText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

const lineLength = 4_000;

export const hostStatus = defineCommand(
  {
    operands: ['<host>'],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'How it is, how far what is declared for it has come and when, its workspaces with their reasons, and what to mend.',
      'What it last reported is shown with its age: a host that is away may have moved on.',
    ],
    examples: ['agora host status gpu-box-1', 'agora host status gpu-box-1 --json'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId } = await findHost(client, word);
    const status = await client.call('getHost', { params: { host: hostId } });
    if (options.json === true) await say(context.stdout, jsonText(status, 2));
    else for (const line of statusLines(status, client.now())) await say(context.stdout, oneLine(line, lineLength));
    return exitCodes.ok;
  },
);

function statusLines(status: HostStatus, now: number): string[] {
  const { host, change, steps, workspaces, problems, observedAt } = status;
  const hint = admissionHint(host);
  const undone = steps.filter(({ state }) => state !== 'done');
  const isDisabled = !host.settings.enabled;
  return [
    `${host.name}: ${host.admission}; link ${linkText(host)}; agent ${agentText(host, now)}; engine ${engineText(host)}`,
    ...(hint === undefined ? [] : [`next: ${hint}`]),
    ...(isDisabled ? [`disabled: nothing is applied; next: agora host set ${host.name} enabled=true`] : []),
    ...(change === undefined ? ['nothing is declared yet; next: agora host apply'] : changeLines(change)),
    ...(observedAt === undefined ? [] : [`last report: ${agoText(observedAt, now)}`]),
    ...workspaces.map(workspaceLine),
    ...undone.map(stepReportLine),
    ...problems.map((problem) => `problem ${problemLine(problem)}`),
  ];
}

function changeLines(change: NonNullable<HostStatus['change']>): string[] {
  const message = change.message === '' ? '' : ` "${change.message}"`;
  return [
    `revision ${change.revision} by ${change.actor}${message}: ${progressText(change)}`,
    ...(change.problem === undefined ? [] : [`it does not get on: ${change.problem}`]),
  ];
}

function workspaceLine({ name, state, reason, image, restarts, since }: WorkspaceStatus): string {
  const notes = [
    image,
    since === undefined ? undefined : `since ${since}`,
    restarts > 0 ? `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : undefined,
    reason,
  ];
  return [`workspace ${name}: ${state}`, ...notes.filter((note) => note !== undefined)].join('; ');
}

function stepReportLine({ kind, name, reason, state, message }: StepReport): string {
  return `step ${kind} ${name}: ${state}; ${reason}${message === undefined ? '' : `; ${message}`}`;
}
