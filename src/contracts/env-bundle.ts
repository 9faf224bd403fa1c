import * as z from 'zod';
import { nameSchema } from './ids.ts';
import { processTextSchema } from './process-text.ts';

export const variableNameSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'must be a variable name');

/**
 * Where a secret lies: `local-secret://<uuid>` in this project's secret store, `arn:…` in AWS Secrets Manager,
 * `file:<path>` or `env:<NAME>` on the machine that starts the dispatch. Never the secret itself.
 */
export const secretRefSchema = z
  .string()
  .max(2048)
  .regex(
    /^(local-secret:\/\/[0-9a-f-]{36}|arn:.+|file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$/,
    'must be local-secret://…, arn:…, file:<path> or env:<NAME>',
  );

/** As a caller gives it: a ref, or the secret itself, which is staged and replaced by its ref. */
export const givenSecretSchema = z.union([
  z.strictObject({ ref: secretRefSchema }),
  z.strictObject({ inline: z.string().min(1), ttlSeconds: z.number().positive().optional() }),
]);
export type GivenSecret = z.infer<typeof givenSecretSchema>;

/** Registered environment: plain values, and refs of secrets. */
export const envBundleSchema = z.strictObject({
  name: nameSchema,
  values: z.record(variableNameSchema, processTextSchema),
  secrets: z.record(variableNameSchema, secretRefSchema),
});
export type EnvBundle = z.infer<typeof envBundleSchema>;
