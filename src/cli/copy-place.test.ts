import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CopiedKind, copyDestination, copySide } from './copy-place.ts';

test('a side is a path of a workspace, one of this machine, or a stream', () => {
  const path = { isContent: false, isFolder: false };
  const word = { host: 'box', workspace: 'web' };
  for (const [typed, side] of [
    ['box/web:/srv/a', { kind: 'workspace', word, path: { ...path, path: '/srv/a' } }],
    ['box/web:srv/../a', { kind: 'workspace', word, path: { ...path, path: '/a' } }],
    ['box/web:/srv/.', { kind: 'workspace', word, path: { path: '/srv', isContent: true, isFolder: true } }],
    ['box/web:/', { kind: 'workspace', word, path: { path: '/', isContent: true, isFolder: true } }],
    ['./box/web:a', { kind: 'here', path: { ...path, path: './box/web:a' } }],
    ['/box/web:a', { kind: 'here', path: { ...path, path: '/box/web:a' } }],
    ['a:b', { kind: 'here', path: { ...path, path: 'a:b' } }],
    ['dir/', { kind: 'here', path: { path: 'dir', isContent: false, isFolder: true } }],
    ['dir/./', { kind: 'here', path: { path: 'dir', isContent: true, isFolder: true } }],
    ['.', { kind: 'here', path: { path: '.', isContent: true, isFolder: true } }],
    ['..', { kind: 'here', path: { ...path, path: '..' } }],
    ['-', { kind: 'stream' }],
  ] as const) {
    assert.deepEqual(copySide(typed), side, typed);
  }
});

test('a copy goes where docker cp would have it', () => {
  const where = (source: string, target: string, there: CopiedKind | undefined) => {
    const isFolder = source.startsWith('dir');
    const from = {
      kind: isFolder ? ('folder' as const) : ('file' as const),
      name: source.split('/')[0] ?? '',
      isContent: source.endsWith('/.'),
    };
    const side = copySide(target);
    assert.ok(side.kind === 'here');
    try {
      const { folder, name } = copyDestination(from, { kind: there, path: side.path });
      return `${folder} ${name}`.trim();
    } catch (error) {
      return (error as Error).message.replace(/.*: /, '');
    }
  };
  for (const [source, target, there, expected] of [
    ['file', '/a/new', undefined, '/a new'],
    ['file', '/a/new/', undefined, 'there is no such folder'],
    ['file', '/a/old', 'file', '/a old'],
    ['file', '/a/old/', 'file', 'it is no folder'],
    ['file', '/a', 'folder', '/a file'],
    ['dir', '/a/new', undefined, '/a new'],
    ['dir', '/a/new/', undefined, '/a new'],
    ['dir/.', '/a/new', undefined, '/a new'],
    ['dir', '/a/old', 'file', 'it is a file, and a folder is copied'],
    ['dir', '/a', 'folder', '/a dir'],
    ['dir/.', '/a', 'folder', '/a'],
  ] as const) {
    assert.equal(where(source, target, there), expected, `${source} to ${target}, ${there}`);
  }
});
