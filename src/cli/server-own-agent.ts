import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentLog } from '../agent/agent-log.ts';
import { agentPlaces } from './agent-places.ts';
import type { CommandContext } from './command.ts';
import { openAgent } from './open-agent.ts';
import type { StartedServer } from './server-greeting.ts';

/** Enough for its first start; afterwards it is known by its key. */
const ownJoin = { uses: 1, ttlSeconds: 600 } as const;

/** The agent of the machine that the server runs on, for as long as the server runs. Its state is in the server's folder. */
export async function runOwnAgent(
  { fleet, folder, listening }: StartedServer,
  context: CommandContext,
  log: (line: string) => void,
): Promise<void> {
  const inside = { ...context, env: { ...context.env, XDG_STATE_HOME: folder } };
  const isKnown = existsSync(join(agentPlaces(inside).stateFolder, 'host.json'));
  const opened = await openAgent(
    {
      flags: { 'server-url': listening.url },
      configFile: join(folder, 'own-agent.yml'),
      joinToken: isKnown ? undefined : await fleet.createJoinToken(ownJoin),
      log: new AgentLog((line) => log(`agent: ${line}`)),
    },
    inside,
  );
  await opened?.agent.run(context.stop);
}
