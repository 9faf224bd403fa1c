/** A file-size limit counts in blocks of this many bytes in every POSIX shell. */
const blockBytes = 512;

/** The subagent is the first to go when memory runs out. */
const offerForMemory = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null';

const containerScript = `${offerForMemory}
ulimit -f "$1" 2>/dev/null
shift
exec "$@"`;

// Stays as the parent to tell on file 3, which is not the command's, how it ended and, when it failed, whether a few more
// processes were still possible: outside a container no kernel counter says that the limit was hit.
const watchingScript = `echo started >&3
trap : TERM INT HUP
${offerForMemory}
ulimit -f "$1" 2>/dev/null
[ "$2" = none ] || ulimit -u "$2" 2>/dev/null || ulimit -p "$2" 2>/dev/null
shift 2
"$@" 3>&-
code=$?
echo ended >&3
[ "$code" -eq 0 ] && exit
exec >/dev/null 2>&1
for process in 1 2 3 4 5 6 7 8; do sleep 1 3>&- & done
echo forks >&3
exit "$code"`;

export interface LaunchLimits {
  readonly fileBytes: number;
  /** How many processes it may have; absent where something else limits them or nothing can. */
  readonly processes?: number;
}

/** The command line that applies the limits and becomes `command`, in a container. */
export function containerCommand(limits: LaunchLimits, command: readonly string[]): string[] {
  return ['/bin/sh', '-c', containerScript, 'agora', blocks(limits), ...command];
}

/** The command line that applies the limits, runs `command`, and tells on file 3 how it ended. */
export function watchingCommand(limits: LaunchLimits, command: readonly string[]): string[] {
  const processes = limits.processes === undefined ? 'none' : String(limits.processes);
  return ['/bin/sh', '-c', watchingScript, 'agora', blocks(limits), processes, ...command];
}

/** What the watching script told. */
export interface WatchReport {
  readonly hasStarted: boolean;
  readonly isOutOfProcesses: boolean;
}

export function readWatchReport(text: string): WatchReport {
  const lines = text.split('\n');
  return {
    hasStarted: lines.includes('started'),
    isOutOfProcesses: lines.includes('ended') && !lines.includes('forks'),
  };
}

function blocks(limits: LaunchLimits): string {
  return String(Math.ceil(limits.fileBytes / blockBytes));
}
