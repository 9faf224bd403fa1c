import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { AppError } from '../contracts/errors.ts';
import { isGitName } from '../contracts/reserved-names.ts';
import type { TarEntry } from './tar-write.ts';

/** The files and links of a tar from outside. Paths that leave it, `.git` and other kinds raise `invalid-input`. */
export async function* readTar(tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const unpacked = extract();
  const feeding = pipeline(tar, unpacked);
  // Its failure destroys `unpacked`, where the loop meets it.
  feeding.catch(() => {});
  for await (const entry of unpacked) {
    const { name, type, mode, size, linkname } = entry.header;
    if (type === 'directory') {
      entry.resume();
      continue;
    }
    const path = checkedPath(name);
    if (type === 'symlink') {
      entry.resume();
      yield { kind: 'link', path, target: linkname ?? '' };
    } else if (type === 'file' || type === 'contiguous-file') {
      const isExecutable = ((mode ?? 0) & 0o100) !== 0;
      yield { kind: 'file', path, isExecutable, sizeBytes: size ?? 0, content: entry as AsyncIterable<Uint8Array> };
    } else {
      throw new AppError('invalid-input', `Cannot read the tar: "${path}" is a ${type}, not a file or link`);
    }
  }
  await feeding;
}

function checkedPath(name: string): string {
  const path = name.replace(/^\.\//, '');
  const isUnsafe = (segment: string) => segment === '' || segment === '.' || segment === '..' || isGitName(segment);
  if (path.split('/').some(isUnsafe) || path.includes('\0')) {
    throw new AppError('invalid-input', `Cannot read the tar: "${name}" is not a path a worktree may hold`);
  }
  return path;
}
