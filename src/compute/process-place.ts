import { join } from 'node:path';
import { workerPaths } from '../contracts/names.ts';
import type { NetworkPolicy } from '../contracts/plan.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { bubblewrapCommand, type HostRoot, sandboxNodeFolder, sandboxPath } from './bubblewrap.ts';
import type { TaskFolder } from './process-folder.ts';

export interface PlaceOptions {
  readonly folder: TaskFolder;
  /** The Node binary that the subagent may run. */
  readonly node: string;
  readonly network: NetworkPolicy;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** The surroundings of a supervisor that runs its subagent inside bubblewrap. */
export function sandboxedPlace(options: PlaceOptions, bubblewrap: string, host: HostRoot): WorkerPlace {
  const { folder, node, network, user } = options;
  const readOnly = { isWritable: false };
  const writable = { isWritable: true };
  const { in: input, workerInput, outputs, workspace } = workerPaths;
  return {
    paths: supervisorPaths(folder),
    view: { input: workerInput, outputs, workspace, home: '/tmp' },
    path: sandboxPath,
    ...(user && { user }),
    sandbox: bubblewrapCommand({
      bubblewrap,
      host,
      network,
      workingFolder: workspace,
      binds: [
        { source: node, target: join(sandboxNodeFolder, 'node'), ...readOnly },
        { source: folder.users, target: '/etc/passwd', ...readOnly },
        { source: folder.groups, target: '/etc/group', ...readOnly },
        { source: folder.in, target: input, ...readOnly },
        { source: folder.outputs, target: outputs, ...writable },
        { source: folder.workspace, target: workspace, ...writable },
        { source: join(folder.scratch, 'tmp'), target: '/tmp', ...writable },
        { source: join(folder.scratch, 'shm'), target: '/dev/shm', ...writable },
      ],
    }),
    isContainer: false,
    endsWithStdin: true,
  };
}

/** The surroundings of a supervisor whose subagent runs on the host as it is. */
export function openPlace({ folder, node, user }: PlaceOptions): WorkerPlace {
  const { input, outputs, workspace } = folder;
  return {
    paths: supervisorPaths(folder),
    view: { input, outputs, workspace, home: join(folder.scratch, 'tmp') },
    path: `${join(node, '..')}:/usr/local/bin:/usr/bin:/bin`,
    ...(user && { user }),
    isContainer: false,
    endsWithStdin: true,
  };
}

function supervisorPaths(folder: TaskFolder): WorkerPlace['paths'] {
  const { out, git, outputs, workspace, scratch } = folder;
  return { in: folder.in, out, git, outputs, workspace, scratch };
}
