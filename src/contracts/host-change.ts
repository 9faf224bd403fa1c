import * as z from 'zod';
import { digestSchema } from './ids.ts';

const stepKinds = [
  'create-network',
  'remove-network',
  'create-volume',
  'remove-volume',
  'pull-image',
  'build-image',
  'remove-image',
  'create-workspace',
  'start-workspace',
  'stop-workspace',
  'replace-workspace',
  'remove-workspace',
  'connect-network',
  'disconnect-network',
] as const;

/** One step of a plan, for people: what and why. */
const planStepSchema = z.object({
  kind: z.enum(stepKinds),
  /** The resource's name in the spec. */
  name: z.string(),
  /** Such as `its image changed` or `it is not there`. */
  reason: z.string(),
  /** Indexes of the steps that must be done before. */
  after: z.array(z.int().nonnegative()),
});
export type PlanStep = z.infer<typeof planStepSchema>;

/** Something that is as it should not be, and that no step mends by itself. */
export const planProblemSchema = z.object({ name: z.string(), message: z.string(), next: z.string().optional() });
export type PlanProblem = z.infer<typeof planProblemSchema>;

export const hostPlanSchema = z.object({
  /** Names the desired and the observed state it was made from: `apply --check <index>` refuses when one has moved since. */
  index: z.string().max(128),
  /** Of the spec it leads to. */
  specDigest: digestSchema,
  observedAt: z.iso.datetime().optional(),
  steps: z.array(planStepSchema),
  problems: z.array(planProblemSchema),
});
export type HostPlan = z.infer<typeof hostPlanSchema>;

/** What became of a step on the host. */
export const stepReportSchema = planStepSchema.omit({ after: true }).extend({
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  message: z.string().max(4096).optional(),
});
export type StepReport = z.infer<typeof stepReportSchema>;

export const changeStages = ['accepted', 'delivered', 'planned', 'applied', 'healthy'] as const;

/** How far one revision of a spec has come, and when. */
export const changeSchema = z.object({
  revision: z.int().positive(),
  specDigest: digestSchema,
  actor: z.string().max(256),
  message: z.string().max(1024),
  /** Server's clock for the first two, the host's, corrected by its offset, for the others. */
  times: z.partialRecord(z.enum(changeStages), z.iso.datetime()),
  /** Why it does not get on; undefined while it does. */
  problem: z.string().max(4096).optional(),
});
export type Change = z.infer<typeof changeSchema>;

/** A workspace as it is, in one word, and why. */
export const workspaceStates = [
  'waiting',
  'pulling',
  'building',
  'starting',
  'running',
  'unhealthy',
  'restarting',
  'stopped',
  'failed',
  'foreign',
] as const;
export const workspaceStatusSchema = z.object({
  name: z.string(),
  state: z.enum(workspaceStates),
  /** Why it is not running as declared. */
  reason: z.string().max(4096).optional(),
  since: z.iso.datetime().optional(),
  restarts: z.int().nonnegative(),
  image: z.string().optional(),
  containerId: z.string().optional(),
});
export type WorkspaceStatus = z.infer<typeof workspaceStatusSchema>;
