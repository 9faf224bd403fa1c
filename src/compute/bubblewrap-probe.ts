import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { callFilter } from '../base/call-filter.ts';
import { bubblewrapCommand, findBubblewrap, readHostRoot } from './bubblewrap.ts';
import type { ProviderInfo } from './compute.ts';
import { isRoot, taskUserIds } from './process-user.ts';

/** What a try of the sandbox showed. */
export type SandboxProbe =
  | { readonly kind: 'bubblewrap'; readonly file: string; readonly limits: ProviderInfo['limits'] }
  | { readonly kind: 'none'; readonly reason: string };

const patienceMs = 10_000;

// Says `isolated` when neither a file nor a network of the host is there, and `unlimited` when more processes could be
// started than allowed.
const script = `[ -e /etc/shadow ] && exit 3
[ "$(grep -c : /proc/net/dev)" = 1 ] || exit 4
echo isolated
ulimit -u 8 2>/dev/null || ulimit -p 8
exec 2>/dev/null
for process in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 >/dev/null & done
echo unlimited`;

/** Runs bubblewrap as a task would and says what holds. */
export async function probeSandbox(): Promise<SandboxProbe> {
  const bubblewrap = await findBubblewrap();
  if (bubblewrap === undefined) return { kind: 'none', reason: 'bubblewrap is not installed' };
  const host = await readHostRoot();
  const [file = '', ...given] = bubblewrapCommand({ bubblewrap, host, network: 'none', binds: [] });
  const uid = isRoot() ? (await taskUserIds()).first : undefined;
  const output = await outputOf(file, [...given, '--seccomp', '0', '--', '/bin/sh', '-c', script], uid);
  if (!output.includes('isolated')) return { kind: 'none', reason: 'bubblewrap cannot make a sandbox here' };
  return {
    kind: 'bubblewrap',
    file: bubblewrap,
    limits: {
      cpus: 'not-enforced',
      memory: 'not-enforced',
      pids: output.includes('unlimited') ? 'not-enforced' : 'enforced',
      // The supervisor measures it, so a burst may pass it for a moment.
      disk: 'partly',
      network: 'enforced',
      files: 'enforced',
    },
  };
}

/** What it printed, however it ended: reaching the limit is an answer. */
async function outputOf(file: string, given: readonly string[], uid: number | undefined): Promise<string> {
  const user = uid === undefined ? {} : { uid, gid: uid };
  try {
    const options = {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      timeout: patienceMs,
      killSignal: 'SIGKILL',
      ...user,
    } as const;
    const running = promisify(execFile)(file, given, options);
    // Its input is the filter of system calls. It may be gone before it has read it.
    running.child.stdin?.on('error', () => {}).end(callFilter());
    return (await running).stdout;
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
  }
}
