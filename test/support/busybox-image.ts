import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import type { ByteStream } from '../../src/engine/engine.ts';
import type { BuildRequest } from '../../src/engine/host-engine.ts';

const run = promisify(execFile);

const commands = [
  'sh',
  'sleep',
  'cat',
  'echo',
  'true',
  'false',
  'ls',
  'env',
  'id',
  'nc',
  'df',
  'mount',
  'head',
  'dd',
  'nproc',
  'tr',
  'grep',
  'httpd',
];

/** How an image of one of these contexts is built, unless a test says otherwise. */
export const plainBuild = {
  dockerfile: 'Dockerfile',
  args: {},
  labels: {},
  target: undefined,
  useCache: true,
  pullBase: false,
} as const satisfies Omit<BuildRequest, 'tag'>;

/** A build context whose Dockerfile makes a small image with a shell, from the busybox of this machine, and with other programs of it. */
export async function busyboxContext(
  dockerfile = '',
  files: Readonly<Record<string, string>> = {},
  programs: readonly string[] = [],
): Promise<ByteStream> {
  const tar = pack();
  const whole = `FROM scratch\nCOPY root /\nENV PATH=/bin\nCMD ["sh"]\n${dockerfile}`;
  tar.entry({ name: 'Dockerfile' }, whole);
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  for (const program of ['/bin/busybox', ...programs]) await addProgram(tar, program);
  for (const command of commands) tar.entry({ name: `root/bin/${command}`, type: 'symlink', linkname: 'busybox' });
  tar.finalize();
  return Readable.from(tar);
}

/** A context with a program of this machine, and the libraries that it names. */
export async function programContext(
  path: string,
  dockerfile: string,
  files: Readonly<Record<string, string>>,
): Promise<ByteStream> {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, dockerfile);
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  await addProgram(tar, path);
  tar.finalize();
  return Readable.from(tar);
}

async function addProgram(tar: ReturnType<typeof pack>, path: string): Promise<void> {
  for (const file of [path, ...(await librariesOf(path))]) {
    const content = await readFile(file);
    tar.entry({ name: `root${file}`, mode: 0o755 }, content);
  }
}

/** None for a static one, which `ldd` refuses. */
async function librariesOf(path: string): Promise<string[]> {
  const listed = await run('ldd', [path]).then(
    ({ stdout }) => stdout,
    () => '',
  );
  return listed.split('\n').flatMap((line) => /(\/[^\s)]+)(?: \(|$)/.exec(line)?.[1] ?? []);
}
