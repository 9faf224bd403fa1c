import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type AppError, isAppError } from '../contracts/errors.ts';
import type { EngineEndpoint } from '../engine/endpoint.ts';
import { legOf, type SshLeg, sshLegs } from '../engine/ssh-errors.ts';
import { askOverSsh, type SshRoute, sshRoute } from '../engine/ssh-process.ts';
import type { SshTarget } from '../engine/ssh-target.ts';
import type { MachineCheck } from './machine-checks.ts';

type SshEndpoint = Extract<EngineEndpoint, { kind: 'ssh' }>;

const connectMs = 10_000;

/** Goes the way to an engine over ssh, up to its docker client, leg by leg; ends with the first that does not hold. */
export async function goTheWay({ target }: SshEndpoint, signal: AbortSignal): Promise<MachineCheck[]> {
  const checks: MachineCheck[] = [];
  try {
    const route = await sshRoute(target, signal);
    for (const check of [checkName, checkPort] as const) {
      const found = await check(route, target, signal);
      checks.push(found);
      if (found.state === 'miss') return checks;
    }
    await askOverSsh(target, 'exit', signal);
    checks.push(
      { name: 'host key', state: 'pass', detail: 'is the known one' },
      { name: 'login', state: 'pass', detail: `as ${route.user}, without a question` },
    );
    const client = await askOverSsh(target, 'docker --version', signal);
    checks.push({ name: 'docker', state: 'pass', detail: client.trim().slice(0, 200) });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return [...passedBefore(checks, legOf(error)), missed(legOf(error) ?? 'ssh', error)];
  }
  return checks;
}

async function checkName({ host, isIndirect }: SshRoute, target: SshTarget): Promise<MachineCheck> {
  const detail = host === target.host ? host : `${target.host} is ${host}`;
  if (isIndirect) return { name: 'name', state: 'note', detail: `${detail}, by way of another machine` };
  try {
    const { address } = await lookup(host);
    return { name: 'name', state: 'pass', detail: address === host ? detail : `${detail}, ${address}` };
  } catch {
    const next = `check the name, or add a Host "${target.host}" to ~/.ssh/config`;
    return { name: 'name', state: 'miss', detail: `${host} has no address`, next };
  }
}

async function checkPort(
  { host, port, isIndirect }: SshRoute,
  _target: SshTarget,
  caller: AbortSignal,
): Promise<MachineCheck> {
  if (isIndirect) return { name: 'port', state: 'note', detail: `${port}, by way of another machine` };
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([caller, AbortSignal.timeout(connectMs)]) });
    return { name: 'port', state: 'pass', detail: `${port} answers` };
  } catch {
    const next = `start the ssh server of ${host}, or check the port and firewalls`;
    return { name: 'port', state: 'miss', detail: `nothing answers at ${host} port ${port}`, next };
  } finally {
    socket.destroy();
  }
}

/** What was gone over before a leg failed held, also where nothing looked at it by itself. */
function passedBefore(checks: readonly MachineCheck[], failed: SshLeg | undefined): MachineCheck[] {
  const before = failed === undefined ? [] : sshLegs.slice(0, sshLegs.indexOf(failed));
  const unseen = before.filter((leg) => !checks.some(({ name }) => name === leg));
  return [...checks, ...unseen.map((name) => ({ name, state: 'pass' as const, detail: 'holds' }))];
}

export function missed(name: string, { message, next }: AppError): MachineCheck {
  return { name, state: 'miss', detail: message, ...(next === undefined ? {} : { next }) };
}
