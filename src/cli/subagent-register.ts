import type { AgoraClient } from '../client/client.ts';
import { AppError, exitCodes, isAppError } from '../contracts/errors.ts';
import type { GivenSubagent } from '../registry/subagents.ts';
import { defineCommand, type OptionValues } from './command.ts';
import { readDefinitionFile } from './definition-file.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { kindWords, printRegistered, type RegistryKind, registryOf } from './registry-kinds.ts';
import { requiredOption } from './required-option.ts';
import { readValues, valueOption } from './secret-words.ts';

const name = 'subagent register';
const text = { type: 'string', value: '<text>' } as const;

const fieldOptions = {
  'system-prompt': { ...text, summary: 'What it is told, as it stands' },
  'prompt-template': { ...text, summary: 'What it is asked: a Mustache template over the input' },
  model: { type: 'string', value: '<model>', summary: 'fast, standard, max, or a model by name' },
  command: { type: 'string', value: '<word>', multiple: true, summary: 'Its program, and each argument in turn' },
  capability: { type: 'string', value: '<name>', multiple: true, summary: 'Files it brings along' },
  verify: { type: 'string', value: '<command line>', summary: 'A shell command that checks the work' },
  pipeline: { type: 'string', value: '<name>', summary: 'The blocks of a dispatch' },
  runtime: { type: 'string', value: '<name>', summary: 'command or claude-code' },
  network: { type: 'string', value: '<policy>', summary: 'none or internet' },
  value: valueOption,
} as const;

export const subagentRegister = defineCommand(
  {
    operands: ['[command...]'],
    options: {
      name: { type: 'string', value: '<name>', summary: 'Its name' },
      from: { type: 'string', value: '<file>', summary: 'YAML or JSON with its fields; options replace them' },
      ...fieldOptions,
      config: configOption,
    },
    details: ['A command is what follows --, or --command once for its program and once for each argument.'],
    examples: [
      'agora subagent register --name greeter --system-prompt "Say hi and exit." --capability hello-cap',
      'agora subagent register --name edit -- node edit.mjs {{file}}',
    ],
  },
  async ({ operands, options }, context) => {
    const fromFile = options.from === undefined ? {} : await readFields(options.from, context.cwd);
    const given: Record<string, unknown> = { ...fromFile, ...fieldsOf(options, operands) };
    given['name'] = options.name ?? given['name'] ?? requiredOption(name, 'name', undefined);
    const { client } = await openClient(options.config, context);
    // Its schema judges what was typed.
    const registered = await client.subagent.register(given as GivenSubagent);
    await printRegistered('subagent', registered, context);
    const { subagent } = await client.subagent.get(`${registered.name}@${registered.digest}`);
    const pins = [
      ...(subagent.capabilities ?? []).map((pin) => ['capabilities', pin] as const),
      ...(subagent.pipeline === undefined ? [] : [['pipeline', subagent.pipeline] as const]),
    ];
    for (const [kind, pin] of pins) {
      if (await isRegistered(client, kind, pin)) continue;
      await say(context.stderr, `agora: ${kindWords[kind][0]} "${pin}" is not registered yet`);
    }
    return exitCodes.ok;
  },
);

async function readFields(file: string, cwd: string): Promise<object> {
  const { value } = (await readDefinitionFile(file, cwd)).document;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new AppError('invalid-input', `Cannot read "${file}": it does not hold the fields of a subagent`, {
    next: 'Give a YAML mapping or a JSON object; docs/reference/config.md has every field.',
  });
}

function fieldsOf(options: OptionValues<typeof fieldOptions>, operands: readonly string[]): Record<string, unknown> {
  const command = [...(options.command ?? []), ...operands];
  return {
    ...given('systemPrompt', options['system-prompt']),
    ...given('promptTemplate', options['prompt-template']),
    ...given('model', options.model),
    ...given('command', command.length === 0 ? undefined : command),
    ...given('capabilities', options.capability),
    ...given('verify', options.verify === undefined ? undefined : { command: ['sh', '-c', options.verify] }),
    ...given('pipeline', options.pipeline),
    ...given('runtime', options.runtime),
    ...given('network', options.network),
    ...given('env', options.value === undefined ? undefined : readValues(name, options.value)),
  };
}

function given(field: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [field]: value };
}

async function isRegistered(client: AgoraClient, kind: RegistryKind, pin: string): Promise<boolean> {
  try {
    await registryOf(client, kind).get(pin);
    return true;
  } catch (error) {
    if (isAppError(error, 'unknown-name') || isAppError(error, 'not-found')) return false;
    throw error;
  }
}
