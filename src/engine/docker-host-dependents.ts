import * as z from 'zod';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import { isRefusedWith } from './docker-host-errors.ts';
import { ask } from './docker-request.ts';
import { sessionHelperName } from './session-helper.ts';

const listSchema = z.array(z.object({ Id: z.string() }));
const containerSchema = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NetworkMode: z.string() }),
});

/** Podman removes no container while another is in its network. */
export function hasDependents(error: unknown): boolean {
  return isRefusedWith(error, /has dependent containers/i);
}

/** Ids of the containers of our own that serve sessions; of one host, or of all. Looks into none: one that is written to may hang. */
export async function sessionHelpersOf(
  connection: DockerConnection,
  owner: string | undefined,
  signal?: AbortSignal,
): Promise<string[]> {
  const ours = [`${hostLabels.kind}=helper`, `${hostLabels.name}=${sessionHelperName}`];
  const label = owner === undefined ? ours : [...ours, `${hostLabels.host}=${owner}`];
  const query = { all: 1, filters: JSON.stringify({ label }) };
  const line = { method: 'GET', path: '/containers/json', query, answer: listSchema } as const;
  return (await ask(connection, { action: 'list containers', signal }, line)).map(({ Id }) => Id);
}

/** Ids of the containers of our own that serve sessions in the network of another, which has the same host. */
export async function sessionHelpersIn(
  connection: DockerConnection,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const look = (id: string) => {
    const line = {
      method: 'GET',
      path: `/containers/${encodeURIComponent(id)}/json`,
      answer: containerSchema,
    } as const;
    return orUndefined(ask(connection, { action: `look at container "${id}"`, signal }, line));
  };
  const served = await look(reference);
  if (served === undefined) return [];
  const helpers = await sessionHelpersOf(connection, undefined, signal);
  const all = await Promise.all(helpers.map(look));
  const isInside = (helper: z.infer<typeof containerSchema>) =>
    helper.HostConfig.NetworkMode === `container:${served.Id}` &&
    helper.Config.Labels?.[hostLabels.host] === served.Config.Labels?.[hostLabels.host];
  return all.flatMap((helper) => (helper !== undefined && isInside(helper) ? [helper.Id] : []));
}
