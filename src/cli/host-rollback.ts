import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { tellDeclared } from './host-told.ts';
import { waitOptions, waitSeconds, waitUntilHealthy } from './host-wait.ts';
import { openServer, serverOptions } from './open-server.ts';
import { countOf } from './time-word.ts';

export const hostRollback = defineCommand(
  {
    operands: ['<host>'],
    options: {
      to: { type: 'string', value: '<revision>', summary: 'Which one (default: the one before the latest)' },
      ...waitOptions,
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Declares again what was declared before, with the secrets it had then, as a new revision, and prints that.',
    ],
    examples: ['agora host rollback gpu-box-1', 'agora host rollback gpu-box-1 --to 3 --wait'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const seconds = waitSeconds(options);
    const body = options.to === undefined ? {} : { revision: countOf('to', options.to) };
    const client = await openServer(options, context);
    const { hostId } = await findHost(client, word);
    const declared = await client.call('rollBackSpec', { params: { host: hostId }, body });
    const { change } = declared;
    await tellDeclared(declared, options.json === true, context);
    if (seconds === undefined) return exitCodes.ok;
    return waitUntilHealthy(client, { hostId, revision: change.revision, seconds }, context);
  },
);
