import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { packageVersion } from './package-version.ts';
import { writeBackup } from './server-backup-file.ts';
import { dataDirectoryOption, dataFolder } from './server-folder.ts';

export const serverBackup = defineCommand(
  {
    operands: ['<file>'],
    options: { 'data-directory': dataDirectoryOption },
    details: [
      'Writes database, keys and build contexts to one tar, readable by you only, also while the server runs.',
      'Whoever has it has the keys of the server and every secret that was applied: keep it as such.',
    ],
    examples: ['agora server backup agora-2026-11-21.tar'],
  },
  async ({ operands: [typed = ''], options }, context) => {
    const folder = dataFolder(options['data-directory'], context);
    const file = resolve(context.cwd, typed);
    if ((await undefinedIfMissing(stat(file))) !== undefined)
      throw new AppError('usage', `Cannot write backup "${typed}": there is such a file`, {
        next: 'Choose another name.',
      });
    const { files, sizeBytes } = await writeBackup({ folder, file, version: packageVersion() });
    await say(context.stderr, `agora: ${files} files of ${folder} are in it, ${sizeBytes} bytes`);
    return exitCodes.ok;
  },
);
