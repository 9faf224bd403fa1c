import { resolve } from 'node:path';
import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { dataDirectoryOption, dataFolder } from './server-folder.ts';
import { restoreBackup } from './server-restore-file.ts';

export const serverRestore = defineCommand(
  {
    operands: ['<file>'],
    options: { 'data-directory': dataDirectoryOption },
    details: [
      'Makes the folder of a server from a backup. The folder must be empty or not there; a restore that fails leaves it so.',
      'Start only one server from a backup: hosts know both by the same key.',
    ],
    examples: ['agora server restore agora-2026-11-21.tar -d /srv/agora'],
  },
  async ({ operands: [typed = ''], options }, context) => {
    const folder = dataFolder(options['data-directory'], context);
    const { version, createdAt } = await restoreBackup(resolve(context.cwd, typed), folder);
    await say(
      context.stderr,
      `agora: ${folder} is as version ${version} had it at ${createdAt}; next: agora server -d ${folder}`,
    );
    return exitCodes.ok;
  },
);
