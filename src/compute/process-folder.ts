import { join } from 'node:path';
import { outNames, workerPaths } from '../contracts/names.ts';

/** Where everything of one process task lies. */
export interface TaskFolder {
  readonly root: string;
  readonly record: string;
  readonly place: string;
  readonly in: string;
  readonly task: string;
  readonly worktreeTar: string;
  readonly inputs: string;
  readonly input: string;
  readonly out: string;
  readonly git: string;
  readonly outputs: string;
  readonly workspace: string;
  /** Holds `tmp` and `shm`, which are the subagent's `/tmp` and `/dev/shm`. */
  readonly scratch: string;
  readonly users: string;
  readonly groups: string;
  readonly logs: string;
  readonly stdout: string;
  readonly stderr: string;
}

const inside = (path: string): string => path.slice(workerPaths.in.length + 1);

export function taskFolder(root: string): TaskFolder {
  const folder = join(root, 'in');
  const logs = join(root, 'logs');
  return {
    root,
    record: join(root, 'record.json'),
    place: join(root, 'place.json'),
    in: folder,
    task: join(folder, inside(workerPaths.task)),
    worktreeTar: join(folder, inside(workerPaths.worktreeTar)),
    inputs: join(folder, inside(workerPaths.inputs)),
    input: join(folder, inside(workerPaths.workerInput)),
    out: join(root, 'out'),
    git: join(root, 'git'),
    outputs: join(root, outNames.outputs),
    workspace: join(root, 'workspace'),
    scratch: join(root, 'scratch'),
    users: join(root, 'passwd'),
    groups: join(root, 'group'),
    logs,
    stdout: join(logs, 'stdout.log'),
    stderr: join(logs, 'stderr.log'),
  };
}
