import * as z from 'zod';
import { deploymentIdSchema, digestSchema, dispatchIdSchema, type RunId, runIdSchema } from './ids.ts';
import { formats } from './names.ts';

const root = 'orchestrator';

/** Every key of the mailbox. `planDigest` is used without its `sha256:`. */
export const mailboxKeys = {
  submissions: `${root}/submissions/`,
  submissionsOf: (runId: RunId) => `${root}/submissions/${runId}/`,
  submission: (runId: RunId, planHex: string) => `${root}/submissions/${runId}/${planHex}.json`,
  control: `${root}/control/`,
  controlMessage: (runId: RunId, id: string) => `${root}/control/${runId}/${id}.json`,
  runs: `${root}/runs/`,
  run: (runId: RunId) => `${root}/runs/${runId}/`,
  accepted: (runId: RunId) => `${root}/runs/${runId}/accepted.json`,
  rejected: (runId: RunId) => `${root}/runs/${runId}/rejected.json`,
  statuses: (runId: RunId) => `${root}/runs/${runId}/status/`,
  status: (runId: RunId, sequence: number) => `${root}/runs/${runId}/status/${String(sequence).padStart(12, '0')}.json`,
  audit: (runId: RunId) => `${root}/runs/${runId}/audit.json`,
  daemon: `${root}/daemon.json`,
  /** Everything above. */
  all: `${root}/`,
  /** What daemons put that are about to serve, so that one of them does. */
  starting: `${root}/starting/`,
  startingDaemon: (id: string) => `${root}/starting/${id}.json`,
} as const;

/** What a run starts from: a tree snapshotted into storage at submit. */
export const sourceSchema = z.strictObject({
  /** Deterministic tar of the tree. */
  snapshot: digestSchema,
  sizeBytes: z.int().min(0),
  fileCount: z.int().min(0),
  /** Absolute path of the directory on the submitting machine. */
  directory: z.string(),
  /** The directory's path within its repository, '' at its top; absent outside a repository. */
  repositoryPrefix: z.string().optional(),
});
export type Source = z.infer<typeof sourceSchema>;

export const submissionSchema = z.strictObject({
  format: z.literal(formats.submission),
  /** Parsed again by the plan's own reader. */
  plan: z.unknown(),
  actor: z.string().min(1).max(256),
  submittedAt: z.iso.datetime(),
  source: sourceSchema.optional(),
});
export type Submission = z.infer<typeof submissionSchema>;

const problemSchema = z.strictObject({ path: z.string(), message: z.string() });
/** One thing wrong with a plan; `path` is a JSON path such as `items[2].depends_on[0]`, '' for the whole. */
export type Problem = z.infer<typeof problemSchema>;

export const acceptedSchema = z.strictObject({
  runId: runIdSchema,
  planDigest: digestSchema,
  actor: z.string(),
  submittedAt: z.iso.datetime(),
  acceptedAt: z.iso.datetime(),
  itemCount: z.int(),
  source: sourceSchema.optional(),
});
export type Accepted = z.infer<typeof acceptedSchema>;

export const rejectedSchema = z.strictObject({
  runId: runIdSchema,
  rejectedAt: z.iso.datetime(),
  problems: z.array(problemSchema),
});
export type Rejected = z.infer<typeof rejectedSchema>;

const controlFields = {
  runId: runIdSchema,
  actor: z.string().min(1).max(256),
  at: z.iso.datetime(),
};

/** What somebody asks of the daemon about a run it has. */
export const controlSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...controlFields, kind: z.literal('cancel'), itemId: z.string().optional() }),
  z.strictObject({
    ...controlFields,
    kind: z.literal('answer'),
    itemId: z.string(),
    /** The dispatch whose question it answers. Default: the one the item waits for. */
    dispatchId: dispatchIdSchema.optional(),
    answer: z.json(),
  }),
]);
export type Control = z.infer<typeof controlSchema>;

export const presenceSchema = z.strictObject({
  deploymentId: deploymentIdSchema,
  pid: z.int(),
  host: z.string(),
  startedAt: z.iso.datetime(),
  beatAt: z.iso.datetime(),
  /** How often it beats; a beat older than three of these is a daemon that is gone. */
  beatMs: z.int().min(1).max(86_400_000),
  /** Where its workers run, in words. */
  compute: z.string(),
});
export type Presence = z.infer<typeof presenceSchema>;
