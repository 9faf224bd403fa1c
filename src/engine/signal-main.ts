import { isOfContainer, killGroup, type ProcessContainer } from './container-process.ts';
import { signalNamed } from './signal-name.ts';

/** Runs in a container that sees the host's processes: signals the group of one, if it is of the container it shall be of. */
async function signalProcess(pid: number, container: ProcessContainer, name: string): Promise<void> {
  if (!(await isOfContainer(pid, container))) return;
  if (killGroup(pid, signalNamed(name)) === 'not-allowed') throw new Error('it may not be signalled');
}

const [pid = '0', id = '', main = '0', name = ''] = process.argv.slice(2);
signalProcess(Number(pid), { id, pid: Number(main) }, name).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
