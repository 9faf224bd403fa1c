import * as z from 'zod';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import { isRefusedWith } from './docker-host-errors.ts';
import { ask } from './docker-request.ts';
import { sessionHelperName } from './session-helper.ts';

const listSchema = z.array(
  z.object({
    Id: z.string(),
    State: z.string(),
    /** In seconds. */
    Created: z.number(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);
type ListedHelper = z.infer<typeof listSchema>[number];
const containerSchema = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NetworkMode: z.string() }),
});

/** Podman removes no container while another is in its network. */
export function hasDependents(error: unknown): boolean {
  return isRefusedWith(error, /has dependent containers/i);
}

/** Longer than one waits for its start, or runs to its end. */
const longestWaitMs = 10 * 60_000;

/** Ids of those that serve no session any more, whoever made them, and all of one host. */
export async function leftSessionHelpers(connection: DockerConnection, owner: string): Promise<string[]> {
  const helpers = await listSessionHelpers(connection);
  return helpers.filter((helper) => isLeft(helper, owner, Date.now())).map(({ Id }) => Id);
}

/** A host that has another key than before is another owner. */
export function isLeft(
  { State: state, Created: createdSeconds, Labels: labels }: Omit<ListedHelper, 'Id'>,
  owner: string,
  now: number,
): boolean {
  const host = labels?.[hostLabels.host];
  if (host === owner) return true;
  return host !== undefined && state !== 'running' && now - createdSeconds * 1_000 > longestWaitMs;
}

/** The containers of our own that serve sessions, of all hosts. Looks into none: one that is written to may hang. */
async function listSessionHelpers(connection: DockerConnection, signal?: AbortSignal): Promise<ListedHelper[]> {
  const label = [`${hostLabels.kind}=helper`, `${hostLabels.name}=${sessionHelperName}`];
  const query = { all: 1, filters: JSON.stringify({ label }) };
  const line = { method: 'GET', path: '/containers/json', query, answer: listSchema } as const;
  return await ask(connection, { action: 'list containers', signal }, line);
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
  const helpers = await listSessionHelpers(connection, signal);
  const all = await Promise.all(helpers.map(({ Id }) => look(Id)));
  const isInside = (helper: z.infer<typeof containerSchema>) =>
    helper.HostConfig.NetworkMode === `container:${served.Id}` &&
    helper.Config.Labels?.[hostLabels.host] === served.Config.Labels?.[hostLabels.host];
  return all.flatMap((helper) => (helper !== undefined && isInside(helper) ? [helper.Id] : []));
}
