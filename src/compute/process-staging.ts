import { chmod, copyFile, link, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { temporaryPath, writeFileAtomically } from '../base/atomic-file.ts';
import { sha256Hex } from '../base/hash.ts';
import { systemErrorCode } from '../contracts/errors.ts';
import { isOpenToEverybody } from './bubblewrap.ts';
import { isRoot } from './process-user.ts';

/** Where root keeps its tasks: subagents have users of their own, who cannot enter a home. */
const rootStaging = '/var/lib/agora-offload';

/** Folders that tasks run from; made when the first one starts. */
export interface Staging {
  readonly root: string;
  readonly tasks: string;
  readonly programs: string;
}

/** The folders for a deployment's work folder: inside it, except for root. */
export function stagingOf(workFolder: string): Staging {
  const root = isRoot() ? join(rootStaging, sha256Hex(resolve(workFolder)).slice(0, 16)) : resolve(workFolder);
  return { root, tasks: join(root, 'tasks'), programs: join(root, 'programs') };
}

export async function openStaging({ root, tasks, programs }: Staging): Promise<void> {
  const mode = isRoot() ? 0o711 : 0o700;
  // The inner folders first: another deployment takes away those above only while they are empty.
  for (const path of [tasks, programs]) await mkdir(path, { recursive: true });
  for (const path of [...(isRoot() ? [rootStaging] : []), root, tasks, programs]) await chmod(path, mode);
}

/** Takes away the programs and every folder that is empty then. */
export async function closeStaging({ root, tasks, programs }: Staging): Promise<void> {
  if ((await readdir(tasks).catch(() => [])).length > 0) return;
  // Out of the way in one step: who starts a task meanwhile makes them anew.
  const unused = temporaryPath(programs);
  await rename(programs, unused).catch(() => undefined);
  await rm(unused, { recursive: true, force: true });
  for (const path of [tasks, root, ...(isRoot() ? [rootStaging] : [])]) await removeEmpty(path);
}

/** User ids that tasks have here, those of every deployment on this machine: their folders carry them. */
export async function takenUserIds({ root }: Staging): Promise<Set<number>> {
  const taken = new Set<number>();
  const deployments = dirname(root);
  for (const deployment of await namesIn(deployments)) {
    const tasks = join(deployments, deployment, 'tasks');
    for (const name of await namesIn(tasks)) {
      const stats = await stat(join(tasks, name)).catch(() => undefined);
      if (stats) taken.add(stats.gid);
    }
  }
  return taken;
}

/** Puts the worker where its supervisor reads it. */
export async function stageWorker(
  { programs }: Staging,
  bundle: { bytes: Uint8Array; digest: string },
): Promise<string> {
  const path = join(programs, `worker-${bundle.digest.replace(/^sha256:/, '')}.cjs`);
  if ((await sizeOf(path)) !== bundle.bytes.length) await writeFileAtomically(path, bundle.bytes, { durable: false });
  return path;
}

/** A path of the Node binary that the subagent's user can open. */
export async function stageNode({ programs }: Staging, node: string): Promise<string> {
  if (!isRoot() || (await isOpenToEverybody(node))) return node;
  const { size, mtimeMs, ino } = await stat(node);
  const folder = join(programs, `node-${sha256Hex(`${node} ${size} ${mtimeMs} ${ino}`).slice(0, 16)}`);
  const path = join(folder, 'node');
  if ((await sizeOf(path)) === size) return path;
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
  const temporary = temporaryPath(path);
  // A second name costs nothing, where it is possible: the same disk, and open to everybody by itself.
  const isLinked = ((await stat(node)).mode & 0o005) === 0o005 && (await linked(node, temporary));
  if (!isLinked) {
    await copyFile(node, temporary);
    await chmod(temporary, 0o755);
  }
  await rename(temporary, path);
  return path;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function linked(from: string, to: string): Promise<boolean> {
  return link(from, to).then(
    () => true,
    () => false,
  );
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    // Other tasks or deployments are still in it, or it is gone.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
