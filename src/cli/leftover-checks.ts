import { existsSync } from 'node:fs';
import type { AgoraClient } from '../client/client.ts';
import { findConfig } from '../config/find-config.ts';
import { stateFolder } from '../config/state-folder.ts';
import { isAppError } from '../contracts/errors.ts';
import { isTerminalRun } from '../contracts/run.ts';
import type { Garbage } from '../dispatch/garbage-item.ts';
import type { CommandContext } from './command.ts';
import type { MachineCheck } from './machine-checks.ts';
import { openClient } from './open-client.ts';
import { openOrch } from './open-orch.ts';
import { readRunState } from './run-state.ts';

interface Looking {
  readonly config: string | undefined;
  readonly context: CommandContext;
  readonly onProblem: (line: string) => void;
}

/** What this project left and nobody works on; changes nothing itself. */
export async function findLeftovers(client: AgoraClient, looking: Looking): Promise<Garbage[]> {
  const hasOpenRuns = await areRunsOpen(looking);
  return client.dispatch.garbage({ hasOpenRuns, onProblem: looking.onProblem });
}

/** For `doctor`; nothing where there is no state yet. */
export async function checkLeftovers(config: string | undefined, context: CommandContext): Promise<MachineCheck[]> {
  const name = 'leftovers';
  const configPath = findConfig({ named: config, env: context.env, cwd: context.cwd });
  if (!existsSync(stateFolder(configPath, context.cwd))) return [];
  const quiet = quietly(context);
  try {
    const { client } = await openClient(config, quiet);
    const found = await findLeftovers(client, { config, context: quiet, onProblem: () => undefined });
    if (found.length === 0) return [{ name, state: 'pass', detail: 'none' }];
    const shown = found.slice(0, 3).map(({ what }) => what);
    const more = found.length > shown.length ? ', …' : '';
    return [{ name, state: 'note', detail: `${found.length}: ${shown.join(', ')}${more}`, next: 'agora gc' }];
  } catch (error) {
    if (!isAppError(error)) throw error;
    return [{ name, state: 'note', detail: `cannot be looked for: ${error.message}` }];
  }
}

function quietly(context: CommandContext): CommandContext {
  return { ...context, stderr: { ...context.stderr, write: async () => undefined } };
}

async function areRunsOpen({ config, context }: Looking): Promise<boolean> {
  // That there is no config was said when the client was opened.
  try {
    const { transport } = (await openOrch(config, quietly(context))).orch;
    for (const runId of await transport.runIds()) {
      const state = await readRunState(transport, runId);
      if (state !== undefined && isTerminalRun(state.record.status)) continue;
      if (state === undefined && (await transport.rejected(runId)) !== undefined) continue;
      return true;
    }
    return false;
  } catch (error) {
    // A config without runs has none that are open.
    if (isAppError(error, 'invalid-config')) return false;
    throw error;
  }
}
