import * as z from 'zod';
import { nameSchema, pinSchema } from './ids.ts';
import { longestTimeoutSeconds, networkPolicies, resourcesSchema } from './plan.ts';
import { processTextSchema } from './process-text.ts';

export const runtimeNames = ['command', 'claude-code'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** What a model-driven subagent may do without being asked: everything, or only what its settings allow. */
export const permissionModes = ['bypass', 'strict'] as const;

/** `fast`, `standard` and `max` are translated by each runtime; any other word is the runtime's own name of a model. */
export const modelSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@[\]-]{0,127}$/, "must be fast, standard, max or a model's own name");

export const commandSchema = z.array(processTextSchema).min(1);

const timeoutSchema = z.number().positive().max(longestTimeoutSeconds);

const verifySchema = z
  .strictObject({
    command: commandSchema.describe('Program and arguments, run in the worktree after the patch is captured.'),
    timeoutSeconds: timeoutSchema.optional().describe('Default: 600.'),
  })
  .describe('A command that checks the work; it reports and does not fail the dispatch.');

/** The fields alone, for pages that list them. */
export const subagentFields = z.strictObject({
  name: nameSchema,
  runtime: z
    .enum(runtimeNames)
    .optional()
    .describe('The program that drives it. Default: `command` with a command, else `claude-code`.'),
  command: commandSchema
    .optional()
    .describe('Program and arguments, run in the worktree. Each element is a Mustache template over `workerInput`.'),
  systemPrompt: processTextSchema.min(1).max(262_144).optional().describe('What it is told, as it stands.'),
  promptTemplate: processTextSchema
    .min(1)
    .max(262_144)
    .optional()
    .describe('What it is asked: a Mustache template over `workerInput`.'),
  model: modelSchema.optional().describe('fast, standard, max, or a model by name.'),
  permissionMode: z.enum(permissionModes).optional().describe('Default: bypass; the worker is the sandbox.'),
  maxTurns: z.int().min(1).max(10_000).optional().describe('How many turns a model may take. Default: no limit.'),
  capabilities: z.array(pinSchema).max(64).optional().describe('Files it brings along: names, or name@sha256:….'),
  pipeline: pinSchema.optional().describe('The blocks of a dispatch. Default: agent, patch, verify, outputs.'),
  verify: verifySchema.optional(),
  network: z.enum(networkPolicies).optional().describe("What it needs to reach. Default: its runtime's need."),
  env: z.record(processTextSchema, processTextSchema).optional().describe('Plain environment; no secrets.'),
  resources: resourcesSchema.optional(),
  timeoutSeconds: timeoutSchema.optional().describe('Limit of one attempt. Default: 7200.'),
});

type Fields = z.infer<typeof subagentFields>;

/** A registered definition of what to do. */
export const subagentSchema = subagentFields
  .superRefine((subagent, context) => {
    for (const [path, message] of problemsOf(subagent)) context.addIssue({ code: 'custom', path: [path], message });
  })
  .transform((subagent) => ({ ...subagent, runtime: runtimeOf(subagent) }));
export type Subagent = z.infer<typeof subagentSchema>;
/** As written in a config, where the name is the key. */
export type SubagentInput = Omit<z.input<typeof subagentSchema>, 'name'>;

function runtimeOf({ runtime, command }: Fields): RuntimeName {
  return runtime ?? (command === undefined ? 'claude-code' : 'command');
}

function problemsOf(subagent: Fields): (readonly [keyof Fields, string])[] {
  if (subagent.command?.[0] === '') return [['command', 'names no program']];
  if (runtimeOf(subagent) === 'command') {
    const asked = (['systemPrompt', 'promptTemplate', 'model', 'maxTurns', 'permissionMode'] as const).filter(
      (key) => subagent[key] !== undefined,
    );
    const odd = asked.map((key) => [key, 'belongs to a subagent that a model drives, not to a command'] as const);
    return subagent.command === undefined ? [['command', 'is missing: the runtime is "command"'], ...odd] : odd;
  }
  if (subagent.command !== undefined) return [['command', `does not belong to runtime "${subagent.runtime}"`]];
  if (subagent.systemPrompt !== undefined || subagent.promptTemplate !== undefined) return [];
  return [['promptTemplate', 'is missing: give a command, a systemPrompt or a promptTemplate']];
}
