import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { Access } from '../server/access.ts';
import { ActivityLog } from '../server/activity.ts';
import { migrations } from '../server/store-schema.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { dataDirectoryOption, dataFolder, serverFiles } from './server-folder.ts';

const now = () => new Date();

export const serverToken = defineCommand(
  {
    operands: [],
    options: { 'data-directory': dataDirectoryOption },
    details: [
      'For who lost it: makes another token of an admin and prints it, also while the server runs. Whoever may write the',
      'data folder may do this; it is in the activity log.',
    ],
    examples: ['agora server token -d /srv/agora | agora login http://localhost:8090'],
  },
  async ({ options }, context) => {
    const file = join(dataFolder(options['data-directory'], context), serverFiles.database);
    if (!existsSync(file)) {
      throw new AppError('not-found', `Cannot find server state "${file}": there is no such file`, {
        next: 'Name the data folder of the server: --data-directory.',
      });
    }
    const database = new SqliteDatabase({
      file,
      subject: 'server state',
      migrations,
      // The server that runs on it may be of that version, and would no longer know what it finds.
      onEarlier: 'refuse',
      next: { 'state-older': 'Use the Agora that its server runs with, or start the server with this one first.' },
    });
    try {
      const access = new Access({ database, activity: new ActivityLog(database, now), now });
      const admin = access.users().find(({ role }) => role === 'admin');
      const { token } =
        admin === undefined
          ? access.addUser('admin', 'admin', 'server')
          : access.addToken(admin.name, {
              label: 'agora server token',
              actor: 'server',
              role: undefined,
              expiresAt: undefined,
            });
      await say(context.stderr, `agora: another token of the user "${admin?.name ?? 'admin'}":`);
      await say(context.stdout, token);
    } finally {
      database.close();
    }
    return exitCodes.ok;
  },
);
