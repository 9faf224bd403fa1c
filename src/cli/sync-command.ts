import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { suggestion } from '../base/suggest.ts';
import { findConfig } from '../config/find-config.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { claudeCodeSync } from '../registry/claude-code-sync.ts';
import type { EnvPorts } from '../registry/envs.ts';
import { planRegistrations, type Registration } from '../registry/registrations.ts';
import type { SyncProvider } from '../registry/sync-provider.ts';
import { applyChanges, registryPorts } from './apply-changes.ts';
import { type Command, type CommandContext, defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { dryRunOption } from './print-changes.ts';
import { requiredOption } from './required-option.ts';

type SyncedKind = 'capabilities' | 'subagent';

const found = {
  capabilities: 'Each folder with a SKILL.md below .claude/skills becomes a capability of its name.',
  subagent: 'Each .claude/agents/*.md becomes a subagent: its text is what it is told, its model is kept.',
} as const;

/** `agora <kind> sync` */
export function syncCommand(kind: SyncedKind): Command {
  return defineCommand(
    {
      operands: [],
      options: {
        provider: { type: 'string', value: '<name>', summary: 'claude-code, or one of the config' },
        from: { type: 'string', value: '<folder>', summary: 'The project to look in (default: the current folder)' },
        'dry-run': dryRunOption,
        config: configOption,
      },
      details: [`claude-code: ${found[kind]}`, 'A config may export syncProviders, a list of its own.'],
      examples: [`agora ${kind} sync --provider claude-code --from . --dry-run`],
    },
    async ({ options }, context) => {
      const named = requiredOption(`${kind} sync`, 'provider', options.provider);
      const provider = await findProvider(named, options.config, context);
      const from = resolve(context.cwd, options.from ?? '.');
      const registrations = await registrationsOf(kind, provider, from, context);
      const { client } = await openClient(options.config, context);
      const ports = registryPorts(client);
      const changes = await planAll(ports, registrations);
      await applyChanges(ports, { registrations, changes }, { isDryRun: options['dry-run'] === true, context });
      return exitCodes.ok;
    },
  );
}

async function findProvider(
  name: string,
  config: string | undefined,
  { env, cwd }: Pick<CommandContext, 'env' | 'cwd'>,
): Promise<SyncProvider> {
  const configPath = findConfig({ named: config, env, cwd });
  const own = configPath === undefined ? [] : await ownProviders(configPath);
  const providers = [...own, claudeCodeSync];
  const provider = providers.find((each) => each.name === name);
  if (provider !== undefined) return provider;
  const names = providers.map((each) => each.name);
  const message = `Cannot use sync provider "${name}": there is ${names.join(', ')}${suggestion(name, names)}`;
  throw new AppError('unknown-name', message, { next: 'Export syncProviders from the config to have others.' });
}

async function ownProviders(configPath: string): Promise<readonly SyncProvider[]> {
  const { loadConfig } = await import('../config/load-config.ts');
  return (await loadConfig(configPath)).syncProviders;
}

async function registrationsOf(
  kind: SyncedKind,
  provider: SyncProvider,
  from: string,
  { stderr }: Pick<CommandContext, 'stderr'>,
): Promise<Registration[]> {
  const notes: string[] = [];
  const given = await givenBy(kind, provider, from, (line) => notes.push(line));
  for (const line of notes) await say(stderr, `agora: ${line}`);
  const twice = repeatedName(given);
  if (twice !== undefined) throw unusable(provider, `it gives two ${kind} named "${twice}"`);
  const type = kind === 'capabilities' ? 'capability' : kind;
  // What it gave is the user's own: the registry checks each of them.
  return given.map((each) => ({ type, given: each }) as Registration);
}

async function givenBy(
  kind: SyncedKind,
  provider: SyncProvider,
  from: string,
  onNote: (line: string) => void,
): Promise<readonly unknown[]> {
  if (!(await isFolder(from))) throw new AppError('invalid-input', `Cannot sync "${from}": there is no such folder`);
  const member = kind === 'capabilities' ? 'capabilities' : 'subagents';
  if (provider[member] === undefined) throw new AppError('usage', `${refusal(provider)}: it provides no ${kind}`);
  try {
    const given: unknown = await provider[member](from, { onNote });
    if (Array.isArray(given)) return given;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw unusable(provider, 'it failed', cause);
  }
  throw unusable(provider, `its ${member} gave no list`);
}

async function isFolder(path: string): Promise<boolean> {
  return (await undefinedIfMissing(stat(path)))?.isDirectory() === true;
}

function repeatedName(given: readonly unknown[]): string | undefined {
  const names = given.map((each) => String(Reflect.get(Object(each), 'name')));
  return names.find((name, index) => names.indexOf(name) !== index);
}

function refusal({ name }: SyncProvider): string {
  return `Cannot sync with "${name}"`;
}

function unusable(provider: SyncProvider, state: string, cause?: unknown): AppError {
  return new AppError('invalid-config', `${refusal(provider)}: ${state}`, {
    cause,
    next: 'Correct it where the config exports syncProviders.',
  });
}

/** All that is planned; the first problem otherwise. */
async function planAll(ports: EnvPorts, registrations: readonly Registration[]) {
  return (await planRegistrations(ports, registrations)).map((planned) => {
    if (planned.kind === 'problem') throw planned.error;
    return planned.change;
  });
}
