import * as z from 'zod';
import { nameSchema } from './ids.ts';
import { longestTimeoutSeconds } from './plan.ts';
import { commandSchema } from './subagent.ts';

/** What a worker does, one after the other. The result is sealed at the end; that is no block anybody writes. */
export const blockSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('agent') }).describe('Run the subagent.'),
  z
    .strictObject({
      kind: z.literal('script'),
      command: commandSchema,
      timeoutSeconds: z.number().positive().max(longestTimeoutSeconds).default(600),
      lens: z.enum(['gate', 'verify']).describe('gate: a failure ends the dispatch; verify: it is only reported.'),
    })
    .describe('Run a command in the worktree, as the subagent.'),
  z.strictObject({ kind: z.literal('capture'), what: z.enum(['patch', 'outputs']) }).describe('Keep the work.'),
]);
export type Block = z.infer<typeof blockSchema>;

/** A registered order of blocks, named by its id. */
export const pipelineSchema = z.strictObject({
  schemaVersion: z.literal(1),
  id: nameSchema,
  blocks: z.array(blockSchema).min(1).max(64),
});
export type Pipeline = z.infer<typeof pipelineSchema>;

/** What is done when nobody registered anything else. */
export function defaultBlocks(verify?: {
  readonly command: readonly string[];
  readonly timeoutSeconds?: number | undefined;
}): Block[] {
  const script: Block[] =
    verify === undefined
      ? []
      : [
          {
            kind: 'script',
            command: [...verify.command],
            timeoutSeconds: verify.timeoutSeconds ?? 600,
            lens: 'verify',
          },
        ];
  return [{ kind: 'agent' }, { kind: 'capture', what: 'patch' }, ...script, { kind: 'capture', what: 'outputs' }];
}
