import { join } from 'node:path';
import { inNames, outNames } from '../contracts/names.ts';

/** Where everything of one process task lies. */
export interface TaskFolder {
  readonly root: string;
  readonly record: string;
  readonly place: string;
  readonly in: string;
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

export function taskFolder(root: string): TaskFolder {
  const folder = join(root, 'in');
  const logs = join(root, 'logs');
  return {
    root,
    record: join(root, 'record.json'),
    place: join(root, 'place.json'),
    in: folder,
    input: join(folder, inNames.workerInput),
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
