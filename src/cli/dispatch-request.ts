import { resolve } from 'node:path';
import type { AgoraClient } from '../client/client.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { defaultTargetName } from '../contracts/names.ts';
import type { DispatchRequest } from '../dispatch/accept.ts';
import { snapshotDirectory } from '../worktree/snapshot.ts';
import type { CommandContext, OptionValues } from './command.ts';
import { readJsonWord } from './json-word.ts';
import { requiredOption } from './required-option.ts';
import { readSecrets, readValues, secretOption, valueOption } from './secret-words.ts';

const command = 'dispatch run';
const name = { type: 'string', value: '<name>' } as const;
const number = { type: 'string', value: '<n>' } as const;

/** What says which work it is. */
export const requestOptions = {
  subagent: { ...name, summary: 'What to run: a name, or name@sha256:…' },
  target: { ...name, summary: 'Where to run it (default: the only one, else local)' },
  env: { ...name, multiple: true, summary: 'Variables and secrets: a registered env; later ones win' },
  input: { type: 'string', value: '<json>', summary: 'Its input: JSON, @file, or - for standard input' },
  capability: { ...name, multiple: true, summary: "Files instead of the subagent's own capabilities" },
  'add-capability': { ...name, multiple: true, summary: 'Files besides them' },
  secret: secretOption,
  value: valueOption,
  'input-ref': {
    type: 'string',
    value: '<key>=<ref>',
    multiple: true,
    summary: 'An artifact, handed in as inputs/<key>',
  },
  source: { type: 'string', value: '<dir>', summary: 'Files to start from; .gitignore is honoured' },
  model: { type: 'string', value: '<model>', summary: 'fast, standard, max, or a model by name' },
  pipeline: { ...name, summary: "Blocks instead of the subagent's own" },
  network: { type: 'string', value: '<policy>', summary: 'none or internet (default: what the subagent needs)' },
  timeout: { ...number, value: '<seconds>', summary: 'Limit of the whole work (default: 7200)' },
  'retention-days': { ...number, value: '<days>', summary: 'How long its record is kept (default: 30)' },
  'worker-image': { type: 'string', value: '<image>', summary: "An image instead of the target's own" },
} as const;

/** What was typed, as work; a source directory is stored on the way. */
export async function readRequest(
  client: AgoraClient,
  options: OptionValues<typeof requestOptions>,
  context: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<DispatchRequest> {
  const { model, pipeline, network, timeout, capability, source } = options;
  const inputs = splitRefs(options['input-ref']);
  const retentionDays = options['retention-days'];
  const image = options['worker-image'];
  return {
    subagent: requiredOption(command, 'subagent', options.subagent),
    target: options.target ?? usualTarget(client),
    env: [...(options.env ?? [])],
    input: options.input === undefined ? null : await readJsonWord('--input', options.input, context),
    addCapabilities: [...(options['add-capability'] ?? [])],
    secrets: await readSecrets(command, options.secret, context),
    variables: readValues(command, options.value),
    // Its schema judges what was typed.
    inputs: inputs as DispatchRequest['inputs'] & {},
    ...(network === undefined ? {} : { network: network as DispatchRequest['network'] & {} }),
    ...(capability === undefined ? {} : { capabilities: [...capability] }),
    ...(source === undefined ? {} : { source: await storeSource(client, resolve(context.cwd, source), inputs) }),
    ...(model === undefined ? {} : { model }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(timeout === undefined ? {} : { timeoutSeconds: numberOf('timeout', timeout) }),
    ...(retentionDays === undefined ? {} : { retentionDays: numberOf('retention-days', retentionDays) }),
    ...(image === undefined ? {} : { image }),
  };
}

function usualTarget({ targets }: AgoraClient): string {
  const [only = defaultTargetName] = targets;
  if (targets.length === 1 || targets.includes(defaultTargetName))
    return targets.length === 1 ? only : defaultTargetName;
  throw usageError(`option "--target" is missing: this config has ${targets.join(', ') || 'none'}`);
}

function splitRefs(words: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw usageError(`--input-ref "${word}" must be <key>=<ref>`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

function numberOf(option: string, word: string): number {
  const value = Number(word);
  if (word.trim() !== '' && Number.isFinite(value)) return value;
  throw usageError(`--${option} "${word}" is not a number`);
}

async function storeSource(
  { storage }: AgoraClient,
  directory: string,
  inputs: Readonly<Record<string, string>>,
): Promise<Digest> {
  const snapshot = await snapshotDirectory(directory, { inputKeys: Object.keys(inputs) });
  return (await storage.putBlob(snapshot.tar())).digest;
}

function usageError(state: string): AppError {
  return new AppError('usage', `Cannot run "agora ${command}": ${state}`, { next: `agora ${command} --help` });
}
