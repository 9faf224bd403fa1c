import * as z from 'zod';
import { retry } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { httpStatus, orUndefined } from './docker-errors.ts';
import { hasDependents, sessionHelpersIn } from './docker-host-dependents.ts';
import { named } from './docker-host-errors.ts';
import { workspaceCreateOptions } from './docker-host-spec.ts';
import { ask, tell } from './docker-request.ts';
import type { HostEngine, WorkspaceContainer } from './host-engine.ts';

type ContainerCalls = Pick<
  HostEngine,
  'createWorkspace' | 'startContainer' | 'stopContainer' | 'renameContainer' | 'removeContainer'
>;

/** Making, starting, stopping and removing take an engine under load longer than looking at something. */
const slowFactor = 2;

const madeSchema = z.object({ Id: z.string() });

export function hostContainerCalls(
  connection: DockerConnection,
  connect: HostEngine['connectNetwork'],
): ContainerCalls {
  const answerMs = connection.answerMs * slowFactor;
  const path = (reference: string) => `/containers/${encodeURIComponent(reference)}`;
  const remove: HostEngine['removeContainer'] = async (reference, signal, { keepsVolumes = false } = {}) => {
    const call = { action: `remove container "${reference}"`, signal, answerMs };
    const line = { method: 'DELETE', path: path(reference), query: { force: 1, v: keepsVolumes ? 0 : 1 } } as const;
    const once = () => orUndefined(named(tell(connection, call, line)));
    const withHelpers = async (error: unknown) => {
      if (!hasDependents(error)) throw error;
      for (const id of await sessionHelpersIn(connection, reference, signal)) await remove(id, signal);
      await once();
    };
    await settled(() => once().catch(withHelpers), signal);
  };
  return {
    async createWorkspace(container, signal) {
      const id = await create(connection, container, signal);
      try {
        for (const network of container.spec.networks.slice(1)) await connect(network, id, signal);
        if (container.spec.gpus !== undefined) await checkGpus(connection, { id, container, signal });
      } catch (error) {
        await removeAgain(remove(id), error);
      }
      return id;
    },
    startContainer: (reference, signal) =>
      unlessSoAlready(connection, {
        call: { action: `start container "${reference}"`, signal, answerMs },
        line: { method: 'POST', path: `${path(reference)}/start` },
      }),
    async stopContainer(reference, graceMs, signal) {
      const call = { action: `stop container "${reference}"`, signal, answerMs: graceMs + answerMs };
      const query = { t: Math.ceil(graceMs / 1_000) };
      const line = { method: 'POST', path: `${path(reference)}/stop`, query } as const;
      await settled(() => orUndefined(unlessSoAlready(connection, { call, line })), signal);
    },
    async renameContainer(reference, name, signal) {
      const call = { action: `rename container "${reference}" to "${name}"`, signal };
      const line = { method: 'POST', path: `${path(reference)}/rename`, query: { name } } as const;
      await named(tell(connection, call, line));
    },
    removeContainer: remove,
  };
}

async function create(
  connection: DockerConnection,
  container: WorkspaceContainer,
  signal: AbortSignal | undefined,
): Promise<string> {
  const answerMs = connection.answerMs * slowFactor;
  const call = { action: `create container "${container.name}"`, signal, answerMs };
  const query = { name: container.name };
  const body = workspaceCreateOptions(container);
  const line = { method: 'POST', path: '/containers/create', query, body, answer: madeSchema } as const;
  return (await named(ask(connection, call, line))).Id;
}

const devicesSchema = z.object({
  HostConfig: z.object({ DeviceRequests: z.array(z.unknown()).nullish(), Devices: z.array(z.unknown()).nullish() }),
});

interface Created {
  readonly id: string;
  readonly container: WorkspaceContainer;
  readonly signal: AbortSignal | undefined;
}

/** Podman takes a request for GPUs and forgets it. */
async function checkGpus(connection: DockerConnection, { id, container, signal }: Created): Promise<void> {
  const call = { action: `look at container "${container.name}"`, signal };
  const line = { method: 'GET', path: `/containers/${id}/json`, answer: devicesSchema } as const;
  const { DeviceRequests: requests, Devices: devices } = (await ask(connection, call, line)).HostConfig;
  if ((requests?.length ?? 0) > 0 || (devices?.length ?? 0) > container.spec.devices.length) return;
  throw new AppError(
    'invalid-input',
    `Cannot create container "${container.name}": the engine takes no request for GPUs`,
    {
      next: 'Name the devices of the GPUs under `devices`, or use Docker on this host.',
    },
  );
}

/** What could not be made whole is not left behind; why it failed is what the caller hears. */
async function removeAgain(removal: Promise<void>, error: unknown): Promise<never> {
  const failed = await removal.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (failed === undefined || !isAppError(error)) throw error;
  throw new AppError(error.code, `${error.message}; and it could not be removed again`, { cause: error });
}

/** One that the engine is starting or removing at this moment is neither stopped nor removed; soon it can be. */
async function settled<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const isRetryable = (error: unknown) => isAppError(error, 'task-conflict');
  return await retry(call, { attempts: 6, delayMs: 100, isRetryable, ...(signal !== undefined && { signal }) });
}

interface Told {
  readonly call: DockerCall;
  readonly line: Parameters<typeof tell>[2];
}

/** The engine answers 304 when a container already runs, or already does not. */
async function unlessSoAlready(connection: DockerConnection, { call, line }: Told): Promise<void> {
  try {
    await named(tell(connection, call, line));
  } catch (error) {
    if (isAppError(error) && httpStatus(error.cause) === 304) return;
    throw error;
  }
}
