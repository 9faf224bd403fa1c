import * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import type { TextPlace, YamlDocument } from '../base/strict-yaml.ts';
import { variableNameSchema } from '../contracts/env-bundle.ts';
import { nameSchema } from '../contracts/ids.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { pipelineSchema } from '../contracts/pipeline.ts';
import { processTextSchema } from '../contracts/process-text.ts';
import { subagentFields, subagentSchema } from '../contracts/subagent.ts';
import { findCredential } from './credential-stream.ts';
import { pipelineProblems } from './pipelines.ts';
import { schemaProblems } from './schema-problems.ts';

export interface PlacedProblem {
  readonly place: TextPlace;
  readonly message: string;
}

const secretSchema = z.union(
  [
    z.string(),
    z.strictObject({ ref: z.string() }),
    z.strictObject({ inline: z.string(), ttlSeconds: z.number().positive().optional() }),
  ],
  'must be text, { ref } or { inline, ttlSeconds }',
);

const manifestFields = z.strictObject({
  /** The namespace it is meant for. */
  namespace: nameSchema.optional(),
  capabilities: z.array(z.strictObject({ name: nameSchema, from: z.string().min(1) })).default([]),
  subagents: z.array(subagentSchema).default([]),
  envs: z
    .array(
      z.strictObject({
        name: nameSchema,
        values: z.record(variableNameSchema, processTextSchema).default({}),
        secrets: z.record(variableNameSchema, secretSchema).default({}),
      }),
    )
    .default([]),
  pipelines: z.array(z.unknown()).default([]),
});
export type DeployManifest = z.infer<typeof manifestFields>;

export type ManifestReading =
  | { readonly kind: 'manifest'; readonly manifest: DeployManifest }
  | { readonly kind: 'invalid'; readonly problems: readonly PlacedProblem[] };

/** A manifest as its schema has it, or everything that is wrong with it, each where it stands. */
export function readManifest(document: YamlDocument, text: string): ManifestReading {
  const { value } = document;
  const parsed = manifestFields.safeParse(value, { error: schemaWords });
  const problems: PlacedProblem[] = [
    ...(parsed.success ? [] : schemaProblems(parsed.error, knownKeys)),
    ...pipelinesOf(value).flatMap((pipeline, index) => within(`pipelines[${index}]`, pipelineProblems(pipeline))),
    ...(parsed.success ? repeatedNames(parsed.data) : []),
  ].map((problem) => placed(document, problem));
  problems.push(...credentialsIn(text));
  if (parsed.success && problems.length === 0) return { kind: 'manifest', manifest: parsed.data };
  return { kind: 'invalid', problems };
}

/** A problem at the place its JSON path leads to. */
export function placed(document: YamlDocument, { path, message }: Problem): PlacedProblem {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
  const place = document.placeOf(keys.map((key) => (/^\d+$/.test(key) ? Number(key) : key)));
  return { place, message: path === '' ? message : `${path}: ${message}` };
}

const knownKeys = [
  ...Object.keys(manifestFields.shape),
  ...Object.keys(subagentFields.shape),
  ...Object.keys(pipelineSchema.shape),
  'from',
  'values',
  'secrets',
];

function pipelinesOf(value: unknown): unknown[] {
  const pipelines: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'pipelines') : undefined;
  return Array.isArray(pipelines) ? pipelines : [];
}

function within(prefix: string, problems: readonly Problem[]): Problem[] {
  return problems.map(({ path, message }) => ({ path: path === '' ? prefix : `${prefix}.${path}`, message }));
}

function repeatedNames({ capabilities, subagents, envs, pipelines }: DeployManifest): Problem[] {
  const names = {
    capabilities: capabilities.map(({ name }) => name),
    subagents: subagents.map(({ name }) => name),
    envs: envs.map(({ name }) => name),
    pipelines: pipelines.map((pipeline) => String(Reflect.get(Object(pipeline), 'id'))),
  };
  return Object.entries(names).flatMap(([section, list]) =>
    list.flatMap((name, index) => {
      const first = list.indexOf(name);
      if (first === index) return [];
      return [{ path: `${section}[${index}]`, message: `"${name}" is there already, as ${section}[${first}]` }];
    }),
  );
}

// The text, not the values: a manifest lies in a repository, where a secret must not be at all.
function credentialsIn(text: string): PlacedProblem[] {
  return text.split('\n').flatMap((content, index) => {
    const found = findCredential(content);
    if (found === undefined) return [];
    const message = `this line holds what looks like ${found.kind}: give it as env:<NAME> or file:<path>`;
    return [{ place: { line: index + 1, column: 1 }, message }];
  });
}
