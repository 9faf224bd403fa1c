import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { streamTar } from '../base/tar-writer.ts';
import type { ByteStream } from '../engine/engine.ts';
import type { BaseFile } from './image-base.ts';

const folders = [
  'usr/bin',
  'usr/sbin',
  'usr/lib',
  'usr/lib64',
  'usr/local/bin',
  'etc/ssl/certs',
  'root',
  'home',
  'proc',
  'sys',
  'dev',
  'run',
  'var/tmp',
];
const links = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib', lib64: 'usr/lib64', 'var/run': '/run' };
const texts = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\nagora:x:1000:1000:agora:/home/agora:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  'etc/group': 'root:x:0:\nagora:x:1000:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Tar of a root file system made of this machine's files. */
export function baseTar(files: readonly BaseFile[]): ByteStream {
  return streamTar((tar) => writeBase(tar, files));
}

async function writeBase(tar: Pack, files: readonly BaseFile[]): Promise<void> {
  const mtime = new Date(0);
  for (const name of folders) tar.entry({ name, type: 'directory', mode: 0o755, mtime });
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777, mtime });
  for (const [name, linkname] of Object.entries(links)) tar.entry({ name, type: 'symlink', linkname, mtime });
  for (const [name, text] of Object.entries(texts)) tar.entry({ name, mode: 0o644, mtime }, text);
  const written = new Map<string, string>();
  for (const { from, to } of files) {
    const name = to.slice(1);
    const first = written.get(from);
    // One program under several names is stored once.
    if (first !== undefined) {
      tar.entry({ name, type: 'link', linkname: first, mtime });
      continue;
    }
    written.set(from, name);
    const { size, mode } = await stat(from);
    await pipeline(createReadStream(from), tar.entry({ name, size, mode: mode & 0o755, mtime }));
  }
}
