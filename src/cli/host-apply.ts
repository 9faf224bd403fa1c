import { byteText } from '../base/byte-text.ts';
import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { fileOption, readSpec } from './given-spec.ts';
import { handInContexts, packContexts } from './host-spec-contexts.ts';
import { resolveSpecSecrets } from './host-spec-secrets.ts';
import { tellDeclared } from './host-told.ts';
import { waitOptions, waitSeconds, waitUntilHealthy } from './host-wait.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { requiredOption } from './required-option.ts';

const lineLength = 1_000;

export const hostApply = defineCommand(
  {
    operands: ['<host>'],
    options: {
      file: fileOption,
      message: { type: 'string', value: '<text>', short: 'm', summary: 'Why; shown in the history' },
      check: { type: 'string', value: '<index>', summary: 'Refuse unless the plan is still the one with this index' },
      again: { type: 'boolean', summary: 'Make a revision even of what is declared already' },
      ...waitOptions,
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Declares what a host shall be like and prints the revision. The host gets there by itself, also after it was away.',
      'Secrets are looked up on this machine and sealed for the host; folders to build from are handed in when the server lacks',
      'them, without what their .dockerignore names. Each problem of the spec is told with its line, and nothing is changed.',
      'What is declared already, values of secrets included, stays the revision that it is. --again makes one all the same: for',
      'builds that were cancelled, workspaces that were put back, and images with the policy always.',
    ],
    examples: [
      'agora host apply gpu-box-1 -f spec.yaml --wait',
      'agora host apply gpu-box-1 -f spec.yaml --check sha256:… -m "more memory"',
    ],
  },
  async ({ operands: [word = ''], options }, context) => {
    const seconds = waitSeconds(options);
    const given = await readSpec(requiredOption('host apply', 'file', options.file), context);
    const packed = await packContexts(given);
    const secrets = await resolveSpecSecrets(given, context);
    const client = await openServer(options, context);
    const host = await findHost(client, word);
    await handInContexts(client, packed, async ({ folder, sizeBytes, leftOut }) => {
      await say(context.stderr, `agora: handing in ${folder}, ${byteText(sizeBytes)}`);
      for (const path of leftOut)
        await say(context.stderr, oneLine(`agora: without "${path}", which is no file, folder or link`, lineLength));
    });
    const { message = '', check, again = false } = options;
    const body = { spec: packed.spec, secrets, message, again, ...(check !== undefined && { check }) };
    const declared = await client.call('applySpec', { params: { host: host.hostId }, body });
    const { change } = declared;
    await tellDeclared(declared, options.json === true, context);
    if (seconds === undefined) return exitCodes.ok;
    return waitUntilHealthy(client, { hostId: host.hostId, revision: change.revision, seconds }, context);
  },
);
