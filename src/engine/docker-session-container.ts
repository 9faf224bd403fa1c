import * as z from 'zod';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { named } from './docker-host-errors.ts';
import { ask } from './docker-request.ts';

const networkSchema = z.object({
  Gateway: z.string().nullish(),
  IPAddress: z.string().nullish(),
  IPv6Gateway: z.string().nullish(),
  GlobalIPv6Address: z.string().nullish(),
});

const containerSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({ Running: z.boolean(), Restarting: z.boolean().nullish(), Pid: z.int(), ExitCode: z.int() }),
  Config: z.object({ Tty: z.boolean().default(false), Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NetworkMode: z.string().default('') }),
  NetworkSettings: z.object({ Networks: z.record(z.string(), networkSchema.nullish()).nullish() }).nullish(),
});

/** An address of a container, and the one of the bridge that leads to it. */
export interface BridgeAddress {
  readonly address: string;
  readonly gateway: string;
}

export interface SessionContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True while it is paused; false while the engine waits to restart it. */
  readonly isRunning: boolean;
  /** Of its main program, in the PID namespace of the engine's machine; 0 while it does not run. */
  readonly pid: number;
  readonly exitCode: number;
  readonly isTerminal: boolean;
  /** Whether it shares the network of its host. */
  readonly hasHostNetwork: boolean;
  readonly addresses: readonly BridgeAddress[];
}

export async function lookAtContainer(
  connection: DockerConnection,
  container: string,
  signal?: AbortSignal,
): Promise<SessionContainer> {
  const call = { action: `look at container "${container}"`, signal };
  const path = `/containers/${encodeURIComponent(container)}/json`;
  const found = await ask(connection, call, { method: 'GET', path, answer: containerSchema });
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    labels: found.Config.Labels ?? {},
    isRunning: found.State.Running && found.State.Restarting !== true,
    pid: found.State.Pid,
    exitCode: found.State.ExitCode,
    isTerminal: found.Config.Tty,
    hasHostNetwork: found.HostConfig.NetworkMode === 'host',
    addresses: Object.values(found.NetworkSettings?.Networks ?? {}).flatMap((network) => addressesOf(network ?? {})),
  };
}

function addressesOf(network: z.infer<typeof networkSchema>): BridgeAddress[] {
  const pairs = [
    [network.IPAddress, network.Gateway],
    [network.GlobalIPv6Address, network.IPv6Gateway],
  ] as const;
  return pairs.flatMap(([address, gateway]) => (address && gateway ? [{ address, gateway }] : []));
}

const untilItRuns = 'Wait until it runs: `agora host status` tells how each workspace is.';

export function notRunning(action: string): AppError {
  return new AppError('task-conflict', `Cannot ${action}: it does not run`, { next: untilItRuns });
}

/** Adds what to do where an engine refuses a call because the container is paused or does not run any more. */
export async function ofRunning<T>(call: Promise<T>): Promise<T> {
  try {
    return await named(call);
  } catch (error) {
    if (!isAppError(error, 'task-conflict')) throw error;
    throw new AppError(error.code, error.message, { cause: error.cause, next: untilItRuns });
  }
}
