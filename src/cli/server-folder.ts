import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { makePrivateFolder } from '../base/atomic-file.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type ServeLock, takeServeLock } from '../orchestrator/serve-lock.ts';
import type { CommandContext } from './command.ts';
import { placeError } from './place-error.ts';

export const dataDirectoryOption = {
  type: 'string',
  value: '<folder>',
  short: 'd',
  summary: 'Where the server keeps everything (default: ~/.local/share/agora/server)',
} as const;

export const serverFiles = {
  database: 'server.db',
  keys: ['server.pem', 'at-rest.key'],
  contexts: 'contexts',
  joinToken: 'join-token',
  lock: 'serve.lock',
} as const;

export function dataFolder(typed: string | undefined, { env, cwd }: Pick<CommandContext, 'env' | 'cwd'>): string {
  if (typed !== undefined) return resolve(cwd, typed);
  const base = env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share');
  return join(base, 'agora', 'server');
}

/** Nobody else serves from this folder until it is released, or this process ends. */
export async function lockServerFolder(folder: string): Promise<ServeLock> {
  await makeWritable(folder);
  try {
    return takeServeLock(join(folder, serverFiles.lock));
  } catch (cause) {
    if (isAppError(cause, 'disk-full'))
      throw new AppError('disk-full', `Cannot use data folder "${folder}": its disk is full`, {
        cause,
        next: 'Free some space there, or name another folder with --data-directory.',
      });
    if (!isAppError(cause, 'daemon-running')) throw cause;
    const holder = cause.message.split('": ').at(-1);
    throw new AppError('daemon-running', `Cannot use data folder "${folder}": a server has it, ${holder}`, {
      next: 'Stop that one first, or name another folder with --data-directory.',
    });
  }
}

/** There, a folder, and one that can be written. */
export async function makeWritable(folder: string): Promise<void> {
  try {
    await makePrivateFolder(folder);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const next = 'Name another folder with --data-directory.';
    throw placeError(`Cannot use data folder "${folder}"`, cause, next) ?? cause;
  }
}
