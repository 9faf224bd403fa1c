import type { AgoraClient } from '../client/client.ts';
import type { EnvPorts } from '../registry/envs.ts';
import { applyRegistrations, type PlannedChange, type Registration } from '../registry/registrations.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';
import { printChanges, sayChanges, sumOf } from './print-changes.ts';

/** Where a client registers things. */
export function registryPorts(client: AgoraClient): EnvPorts {
  return { storage: client.storage, namespace: client.namespace, secrets: client.secretStore };
}

export interface PlannedWork {
  readonly registrations: readonly Registration[];
  readonly changes: readonly PlannedChange[];
}

/** Says what will change and, unless it is only to be said, does all of it. Data: a JSON line for each thing. */
export async function applyChanges(
  ports: EnvPorts,
  { registrations, changes }: PlannedWork,
  { isDryRun, context }: { readonly isDryRun: boolean; readonly context: CommandContext },
): Promise<void> {
  await sayChanges(changes, context);
  await printChanges(isDryRun ? changes : await applyRegistrations(ports, registrations, changes), context);
  const summary = isDryRun ? `this was a dry run: ${sumOf(changes)} if it is done` : sumOf(changes);
  await say(context.stderr, `agora: ${summary}`);
}
