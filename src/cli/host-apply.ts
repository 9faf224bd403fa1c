import { exitCodes } from '../contracts/errors.ts';
import { problemLine, stepLine } from './change-text.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { fileOption, readSpec } from './given-spec.ts';
import { handInContexts, packContexts } from './host-spec-contexts.ts';
import { resolveSpecSecrets } from './host-spec-secrets.ts';
import { waitOptions, waitUntilHealthy } from './host-wait.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { requiredOption } from './required-option.ts';

export const hostApply = defineCommand(
  {
    operands: ['<host>'],
    options: {
      file: fileOption,
      message: { type: 'string', value: '<text>', short: 'm', summary: 'Why; shown in the history' },
      check: { type: 'string', value: '<index>', summary: 'Refuse unless the plan is still the one with this index' },
      ...waitOptions,
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Declares what a host shall be like and prints the revision. The host gets there by itself, also after it was away.',
      'Secrets are looked up on this machine and sealed for the host; folders to build from are handed in when the server lacks',
      'them, without what their .dockerignore names. Each problem of the spec is told with its line, and nothing is changed.',
    ],
    examples: [
      'agora host apply gpu-box-1 -f spec.yaml --wait',
      'agora host apply gpu-box-1 -f spec.yaml --check sha256:… -m "more memory"',
    ],
  },
  async ({ operands: [word = ''], options }, context) => {
    const given = await readSpec(requiredOption('host apply', 'file', options.file), context);
    const packed = await packContexts(given);
    const secrets = await resolveSpecSecrets(given, context);
    const client = await openServer(options, context);
    const host = await findHost(client, word);
    await handInContexts(client, packed, ({ folder }) => say(context.stderr, `agora: handing in ${folder}`));
    const { message = '', check } = options;
    const body = { spec: packed.spec, secrets, message, ...(check !== undefined && { check }) };
    const { change, plan } = await client.call('applySpec', { params: { host: host.hostId }, body });
    for (const step of plan.steps) await say(context.stderr, `  ${stepLine(step)}`);
    for (const problem of plan.problems) await say(context.stderr, `agora: ${problemLine(problem)}`);
    await say(context.stdout, options.json === true ? jsonText({ change, plan }, 2) : String(change.revision));
    if (options.wait !== true) return exitCodes.ok;
    return waitUntilHealthy(
      client,
      { hostId: host.hostId, revision: change.revision, timeout: options.timeout },
      context,
    );
  },
);
