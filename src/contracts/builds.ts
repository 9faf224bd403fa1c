import * as z from 'zod';
import { digestSchema } from './ids.ts';

/** `b-` and 26 characters of lower-case base32, random: one per try to build an image. */
export const buildIdSchema = z
  .string()
  .regex(/^b-[a-z2-7]{26}$/, 'must be b- and 26 characters of a-z 2-7')
  .brand<'BuildId'>();
export type BuildId = z.infer<typeof buildIdSchema>;

/** `pushing`: built, and going to a registry. `lost`: its agent went and did not take it up again; the next try is another build. */
const buildStates = ['queued', 'running', 'pushing', 'succeeded', 'failed', 'cancelled', 'lost'] as const;
export type BuildState = (typeof buildStates)[number];

const timeSchema = z.iso.datetime();
const problemSchema = z.string().max(4096);

/** One try to build an image on a host. */
export const buildSchema = z.object({
  buildId: buildIdSchema,
  /** Its name in the spec. */
  image: z.string().max(64),
  tag: z.string().max(512),
  context: digestSchema,
  state: z.enum(buildStates),
  queuedAt: timeSchema,
  startedAt: timeSchema.optional(),
  endedAt: timeSchema.optional(),
  /** Of its Dockerfile. */
  step: z.object({ number: z.int().positive(), of: z.int().positive() }).optional(),
  imageId: z.string().max(128).optional(),
  /** What the registry calls it. */
  pushedDigest: digestSchema.optional(),
  /** Why it did not succeed, or, where it did, was not pushed. */
  problem: problemSchema.optional(),
});
export type Build = z.infer<typeof buildSchema>;

/** A line is cut into several at the first; of the lines of one build the newest are kept. */
export const buildLogLimits = {
  lineCharacters: 4_096,
  lines: 20_000,
  bytes: 4 * 1024 * 1024,
  reportLines: 1_000,
} as const;

/** Lines of a build's log. They are numbered from 0 and may be told twice; numbers that are left out are not kept. */
const buildLinesSchema = z.object({
  buildId: buildIdSchema,
  first: z.int().nonnegative().max(1_000_000_000),
  lines: z.array(z.string().max(buildLogLimits.lineCharacters)).max(buildLogLimits.reportLines),
});
export type BuildLines = z.infer<typeof buildLinesSchema>;

/** What became of pushing what was built: it may be another start of the agent that pushes. */
const buildPushSchema = z.object({
  tag: z.string().max(512),
  digest: digestSchema.optional(),
  problem: problemSchema.optional(),
});
export type BuildPush = z.infer<typeof buildPushSchema>;

export const buildsReportSchema = z.strictObject({
  /** All that wait or run on the host: others that the server takes for running are lost. */
  live: z.array(buildIdSchema).max(1_000),
  /** Those that changed. */
  builds: z.array(buildSchema).max(1_000),
  logs: z.array(buildLinesSchema).max(100),
  pushes: z.array(buildPushSchema).max(100),
});
export type BuildsReport = z.infer<typeof buildsReportSchema>;

export const buildsReplySchema = z.object({
  /** Those that somebody wants to end. */
  cancel: z.array(buildIdSchema),
});
