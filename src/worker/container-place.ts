import { workerPaths } from '../contracts/names.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';

const subagentId = 1000;
const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** The surroundings in a worker container: fixed paths, and the container's processes and cgroup for itself. */
export function containerPlace(path: string = defaultPath): WorkerPlace {
  const { out, git, outputs, workspace } = workerPaths;
  return {
    paths: { in: workerPaths.in, out, git, outputs, workspace },
    view: { input: workerPaths.workerInput, outputs, workspace, home: '/tmp' },
    path,
    user: { uid: subagentId, gid: subagentId },
    isContainer: true,
    endsWithStdin: false,
  };
}
