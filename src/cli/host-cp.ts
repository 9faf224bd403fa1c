import { realpath, stat } from 'node:fs/promises';
import { basename, posix, resolve } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { shellWord } from '../base/shell-word.ts';
import { AppError, type ExitCode, exitCodes, isAppError } from '../contracts/errors.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { packCopy } from './copy-pack.ts';
import { type CopiedKind, type CopyPath, type CopySide, copyDestination, copySide } from './copy-place.ts';
import { CopyProgress } from './copy-progress.ts';
import { type CopySessionOptions, lookAt, readCopy, tarEntries, writeCopy } from './copy-session.ts';
import { unpackCopy } from './copy-unpack.ts';
import { serverOptions } from './open-server.ts';
import { openSessions } from './server-sessions.ts';
import { SessionTalk } from './session-talk.ts';
import { type WorkspaceWord, withWorkspace } from './workspace-place.ts';

type Side<Kind extends CopySide['kind']> = Extract<CopySide, { readonly kind: Kind }>;

export const hostCp = defineCommand(
  {
    operands: ['<from>', '<to>'],
    options: { quiet: { type: 'boolean', short: 'q', summary: 'Show no progress' }, ...serverOptions },
    details: [
      'Copies files and folders between here and a workspace, HOST/WORKSPACE:PATH, as docker cp does: into a folder that is',
      'there, else under the name that is given; with /. at its end what is in a folder. - is a tar, on stdin or stdout.',
      'Modes stay; owners do not: here all is yours, there root’s. Devices, and links that lead outside, are left out and told.',
    ],
    examples: [
      'agora host cp gpu-box-1/web:/srv/logs .',
      'agora host cp site/. gpu-box-1/web:/srv/www',
      'agora host cp gpu-box-1/web:/etc - | tar tf -',
    ],
  },
  async ({ operands: [from = '', to = ''], options }, context) => {
    const [source, target] = [copySide(from), copySide(to)];
    const place = source.kind === 'workspace' ? source : target;
    if (place.kind !== 'workspace') throw noWorkspace(from, to);
    if (source.kind === 'workspace' && target.kind === 'workspace') throw twoWorkspaces(from, to);
    const sessions = await openSessions(options, context);
    const talk = new SessionTalk({ output: context.stderr });
    const progress = new CopyProgress(context.stderr, options.quiet === true);
    const copy = async (host: string): Promise<ExitCode> => {
      const onBytes = (bytes: number) => progress.add(bytes);
      const { workspace } = place.word;
      const way = { sessions, host, workspace, talk, onBytes, signal: context.stop };
      if (target.kind === 'workspace') return await copyIn(source, target, way, context);
      return await copyOut(place, target, way, context);
    };
    try {
      return await sessions.during(() => withWorkspace(sessions.client, place.word, copy));
    } catch (error) {
      if (context.stop.aborted) return exitCodes.interrupted;
      throw error;
    } finally {
      await progress.close();
      talk.close();
    }
  },
);

async function copyOut(
  { path: { path: typed, isContent } }: Side<'workspace'>,
  target: CopySide,
  way: CopySessionOptions,
  { cwd, stdout }: CommandContext,
): Promise<ExitCode> {
  const found = await lookAt(typed, way);
  if (found === undefined) throw nothingThere(typed, way);
  if (target.kind !== 'here') {
    for await (const bytes of readCopy(found.path, way)) await stdout.write(bytes);
    return exitCodes.ok;
  }
  const source = { kind: kindOf(found.type), name: posix.basename(typed), isContent };
  const { kind, path } = await targetHere(resolve(cwd, target.path.path));
  const destination = copyDestination(source, { kind, path: { ...target.path, path } });
  return toldOf(await unpackCopy(tarEntries(readCopy(found.path, way)), destination), way);
}

function toldOf(leftOut: readonly string[], { talk }: CopySessionOptions): ExitCode {
  for (const what of leftOut) talk.say(`left out ${what}`);
  return leftOut.length === 0 ? exitCodes.ok : exitCodes.no;
}

async function copyIn(
  source: CopySide,
  { path: target }: Side<'workspace'>,
  way: CopySessionOptions,
  { cwd, stdin }: CommandContext,
): Promise<ExitCode> {
  const found = await lookAt(target.path, way);
  const kind = found === undefined ? undefined : kindOf(found.type);
  const there = { kind, path: { ...target, path: found?.path ?? target.path } };
  if (source.kind !== 'here') {
    if (kind !== 'folder') throw new AppError('refused', `Cannot unpack into "${target.path}": it is no folder`);
    await writeCopy(there.path.path, stdin, way);
    return exitCodes.ok;
  }
  const path = resolve(cwd, source.path.path);
  const { folder, name } = copyDestination(await sourceHere(path, source.path), there);
  const leftOut: string[] = [];
  const onLeftOut = (what: string) => void leftOut.push(what);
  const tar = packCopy(path, { name, folder, isFolder: source.path.isFolder, onLeftOut });
  await writeCopy(folder, tar, way).catch((error: unknown) => {
    throw isAppError(error, 'not-found') ? noFolder(folder, way, error) : error;
  });
  return toldOf(leftOut, way);
}

async function sourceHere(path: string, typed: CopyPath) {
  const kind = await kindHere(path);
  if (kind === undefined)
    throw new AppError('not-found', `Cannot copy "${typed.path}": there is no such file or folder`);
  if (kind === 'file' && typed.isFolder) throw new AppError('refused', `Cannot copy "${typed.path}": it is no folder`);
  return { kind, name: basename(path), isContent: typed.isContent };
}

async function kindHere(path: string): Promise<CopiedKind | undefined> {
  const found = await undefinedIfMissing(stat(path));
  if (found === undefined) return undefined;
  return found.isDirectory() ? 'folder' : 'file';
}

/** A link to a file stays one: what it leads to is written. */
async function targetHere(path: string): Promise<{ kind: CopiedKind | undefined; path: string }> {
  const found = await undefinedIfMissing(stat(path));
  if (found === undefined) return { kind: undefined, path };
  if (found.isDirectory()) return { kind: 'folder', path };
  if (found.isFile()) return { kind: 'file', path: await realpath(path) };
  throw new AppError('refused', `Cannot copy to "${path}": it is neither a file nor a folder`, {
    next: 'For a tar on standard output: -',
  });
}

function kindOf(type: string | null | undefined): CopiedKind {
  return type === 'directory' ? 'folder' : 'file';
}

function nothingThere(path: string, { host, workspace }: WorkspaceWord): AppError {
  return new AppError('not-found', `Cannot copy "${path}": there is no such file or folder in ${host}/${workspace}`);
}

function noFolder(path: string, { host, workspace }: WorkspaceWord, cause: AppError): AppError {
  return new AppError('not-found', `Cannot copy into "${path}": there is no such folder in ${host}/${workspace}`, {
    cause,
    next: `agora host exec ${host}/${workspace} mkdir -p ${shellWord(path)}`,
  });
}

function noWorkspace(from: string, to: string): AppError {
  return new AppError('usage', `Cannot copy "${from}" to "${to}": neither of them is HOST/WORKSPACE:PATH`, {
    next: 'agora host cp --help',
  });
}

function twoWorkspaces(from: string, to: string): AppError {
  return new AppError('usage', `Cannot copy "${from}" to "${to}": one of them, and not both, is HOST/WORKSPACE:PATH`, {
    next: 'From one workspace to another: agora host cp A/web:/srv - | agora host cp - B/web:/',
  });
}
