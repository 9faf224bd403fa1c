import { posix } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { WorkspaceWord } from './workspace-place.ts';

/** One side of a copy as typed. */
export type CopySide =
  | { readonly kind: 'stream' }
  | { readonly kind: 'here'; readonly path: CopyPath }
  | { readonly kind: 'workspace'; readonly word: WorkspaceWord; readonly path: CopyPath };

export interface CopyPath {
  /** Without what is at its end. */
  readonly path: string;
  /** It ended with `/.`: what is in a folder is meant, and not the folder. */
  readonly isContent: boolean;
  /** It ended with `/`, so that it must be a folder. */
  readonly isFolder: boolean;
}

/** `HOST/WORKSPACE:PATH`, `-`, or a path of this machine: one that looks like the first begins with `./`. */
export function copySide(typed: string): CopySide {
  if (typed === '-') return { kind: 'stream' };
  const [, host, workspace, path] = /^([^/:.][^/:]*)\/([^/:]+):(.+)$/s.exec(typed) ?? [];
  if (host === undefined || workspace === undefined || path === undefined) {
    if (typed === '') throw new AppError('usage', 'Cannot copy "": it is no path');
    return { kind: 'here', path: copyPath(typed) };
  }
  // As docker does: a path without a beginning is below the root.
  const inside = copyPath(path);
  return { kind: 'workspace', word: { host, workspace }, path: { ...inside, path: posix.join('/', inside.path) } };
}

function copyPath(typed: string): CopyPath {
  const isContent = /(?:^|\/)\.\/*$/.test(typed);
  const isFolder = isContent || typed.endsWith('/');
  const path = typed.replace(/(?:\/+\.?)+$/, '');
  return { path: path === '' ? '/' : path, isContent: isContent || path === '', isFolder };
}

export type CopiedKind = 'file' | 'folder';

export interface CopySource {
  readonly kind: CopiedKind;
  /** Its own; empty for what has none, as a root. */
  readonly name: string;
  readonly isContent: boolean;
}

export interface CopyTarget {
  /** Undefined where there is nothing yet. */
  readonly kind: CopiedKind | undefined;
  readonly path: CopyPath;
}

export interface CopyDestination {
  /** One that must be there. */
  readonly folder: string;
  /** Of what is copied, in that folder; empty where what is in a folder is copied into it. */
  readonly name: string;
}

/** Where a copy goes, as `docker cp` has it. */
export function copyDestination(source: CopySource, { kind, path: target }: CopyTarget): CopyDestination {
  const { path } = target;
  if (kind === 'folder') return { folder: path, name: source.isContent ? '' : source.name };
  const cannot = `Cannot copy to "${path}"`;
  if (source.kind === 'folder' && kind === 'file')
    throw new AppError('refused', `${cannot}: it is a file, and a folder is copied`);
  if (target.isFolder && kind === 'file') throw new AppError('refused', `${cannot}: it is no folder`);
  if (target.isFolder && source.kind === 'file') throw new AppError('not-found', `${cannot}: there is no such folder`);
  return { folder: posix.dirname(path), name: posix.basename(path) };
}
