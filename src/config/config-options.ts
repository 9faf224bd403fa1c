import * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { secretRefSchema, variableNameSchema } from '../contracts/env-bundle.ts';
import { AppError } from '../contracts/errors.ts';
import { nameSchema, pinSchema } from '../contracts/ids.ts';
import { longestTimeoutSeconds, resourcesSchema, retrySchema } from '../contracts/plan.ts';
import { modelSchema } from '../contracts/subagent.ts';
import { schemaProblems } from '../registry/schema-problems.ts';

const queueSchema = z.strictObject({ concurrency: z.int().min(1).optional() });

const defaultsSchema = z.strictObject({
  resources: resourcesSchema.optional(),
  retry: retrySchema.optional(),
  timeoutSeconds: z.number().positive().max(longestTimeoutSeconds).optional(),
});

/** An object with these methods: of a class of ours, or of the user's own. */
function partWith(methods: readonly string[], example: string) {
  const hasThem = (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    methods.every((name) => typeof Reflect.get(value, name) === 'function');
  return z.custom(hasThem, `must be an object such as ${example}`);
}

const optionsSchema = z.strictObject({
  namespace: nameSchema.optional(),
  queues: z.record(z.string(), queueSchema).optional(),
  // What each of them is, is checked where it is used.
  subagents: z.record(z.string(), z.looseObject({})).optional(),
  source: z.string().min(1).optional(),
  enforceLocks: z.boolean().optional(),
  defaults: defaultsSchema.optional(),
  secrets: z.record(variableNameSchema, secretRefSchema).optional(),
  env: z.array(pinSchema).optional(),
  model: modelSchema.optional(),
  workerImage: z.string().min(1).optional(),
  storage: partWith(['putBlob', 'getBlob', 'statBlob', 'putName'], 'new S3StorageProvider({ bucket })').optional(),
  mailbox: partWith(['put', 'get', 'list', 'watch'], 'new S3Mailbox({ bucket })').optional(),
  anchors: z.array(partWith(['record', 'readBack'], 'new S3ObjectLockAnchor({ bucket })')).optional(),
});

const knownKeys = [optionsSchema, queueSchema, defaultsSchema].flatMap((schema) => Object.keys(schema.shape));

/** A config is often no TypeScript: what no compiler saw is told here, all of it, with the file and its keys. */
export function checkConfigOptions(configPath: string, options: unknown): void {
  const parsed = optionsSchema.safeParse(options, { error: schemaWords });
  if (parsed.success) return;
  const problems = schemaProblems(parsed.error, knownKeys).map(({ path, message }) =>
    path === '' ? `its options: ${message}` : `"${path}": ${message}`,
  );
  const [first = '', ...others] = problems;
  const told = others.length === 0 ? first : `${problems.length} problems\n  ${problems.join('\n  ')}`;
  throw new AppError('invalid-config', `Cannot use config "${configPath}": ${told}`);
}
