import { beganBy, isOfContainer, killGroup, type SignalOutcome } from './container-process.ts';
import { signalNamed } from './signal-name.ts';

/**
 * Runs in a container that sees the host's processes. Each argument is an order: a process whose group is signalled, if it is the
 * one that was told of and of the container it shall be of. Prints how each went.
 */
async function carryOut(order: string): Promise<SignalOutcome> {
  const [pid, id = '', main, toldAt, name = ''] = order.split(',');
  const target = Number(pid);
  const isIt = (await isOfContainer(target, { id, pid: Number(main) })) && beganBy(Number(toldAt), target);
  return isIt ? killGroup(target, signalNamed(name)) : 'not-seen';
}

Promise.all(process.argv.slice(2).map(carryOut)).then(
  (outcomes) => process.stdout.write(outcomes.join('\n')),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
