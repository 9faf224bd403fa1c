import * as z from 'zod';
import { hostSchema } from './fleet.ts';
import { hostNameSchema } from './fleet-ids.ts';
import {
  changeSchema,
  hostPlanSchema,
  planProblemSchema,
  stepReportSchema,
  workspaceStatusSchema,
} from './host-change.ts';
import { hostObservationSchema } from './host-observation.ts';
import { hostSpecSchema, specLimits } from './host-spec.ts';
import { digestSchema } from './ids.ts';
import type { Routes } from './route.ts';

/** A host by its name or its id. */
const hostParams = z.object({ host: hostNameSchema });
const revisionSchema = z.int().positive();

/** A spec with the values of the refs it names: by ref. */
const givenSpec = { spec: hostSpecSchema, secrets: z.record(z.string(), z.string().max(1024 * 1024)).default({}) };

/** `isNew` is false where all of it was declared already: `change` is the revision that did. */
const declarationSchema = z.object({ change: changeSchema, plan: hostPlanSchema, isNew: z.boolean() });

const hostStatusSchema = z.object({
  host: hostSchema,
  change: changeSchema.optional(),
  steps: z.array(stepReportSchema),
  workspaces: z.array(workspaceStatusSchema),
  problems: z.array(planProblemSchema),
  /** When the agent last told of its engine. */
  observedAt: z.iso.datetime().optional(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

/** Hosts, and what is declared for them. */
export const hostRoutes = {
  listHosts: {
    method: 'GET',
    path: '/api/v1/hosts',
    access: 'viewer',
    summary: 'Lists hosts',
    reply: z.object({ hosts: z.array(hostSchema) }),
  },
  getHost: {
    method: 'GET',
    path: '/api/v1/hosts/:host',
    access: 'viewer',
    summary: 'Tells how a host is, and how far its spec is applied',
    params: hostParams,
    reply: hostStatusSchema,
  },
  changeHost: {
    method: 'PATCH',
    path: '/api/v1/hosts/:host',
    access: 'operator',
    summary: "Changes a host's name or settings",
    params: hostParams,
    body: z.strictObject({ name: hostNameSchema.optional(), settings: z.record(z.string(), z.unknown()).optional() }),
    reply: hostSchema,
  },
  approveHost: {
    method: 'POST',
    path: '/api/v1/hosts/:host/approve',
    access: 'admin',
    summary:
      'Admits a pending host, or one that was held back as a duplicate; in the place of another one it takes its name and spec',
    params: hostParams,
    body: z.strictObject({ fingerprint: z.string().max(64), replaces: hostNameSchema.optional() }),
    reply: hostSchema,
  },
  revokeHost: {
    method: 'POST',
    path: '/api/v1/hosts/:host/revoke',
    access: 'admin',
    summary: "Refuses a host's key from now on; its workloads are left as they are",
    params: hostParams,
    reply: hostSchema,
  },
  rotateHost: {
    method: 'POST',
    path: '/api/v1/hosts/:host/rotate',
    access: 'admin',
    summary: 'Has a host make new keys at its next heartbeat',
    params: hostParams,
    reply: hostSchema,
  },
  removeHost: {
    method: 'DELETE',
    path: '/api/v1/hosts/:host',
    access: 'admin',
    summary: 'Forgets a host that is revoked or was never admitted',
    params: hostParams,
    reply: 'nothing',
  },
  getSpec: {
    method: 'GET',
    path: '/api/v1/hosts/:host/spec',
    access: 'viewer',
    summary: 'Gives what is declared, or was',
    params: hostParams,
    query: z.object({ revision: z.coerce.number().int().positive().optional() }),
    reply: z.object({ spec: hostSpecSchema, change: changeSchema }),
  },
  listRevisions: {
    method: 'GET',
    path: '/api/v1/hosts/:host/revisions',
    access: 'viewer',
    summary: 'Lists what was declared, newest first',
    params: hostParams,
    reply: z.object({ revisions: z.array(changeSchema) }),
  },
  planSpec: {
    method: 'POST',
    path: '/api/v1/hosts/:host/plan',
    access: 'viewer',
    summary: 'Tells the steps that a spec would take, from what the host last reported',
    params: hostParams,
    /** Values of secrets that are not given, or that a viewer gives, are taken as they are declared. */
    body: z.strictObject(givenSpec),
    reply: hostPlanSchema,
    maxBodyBytes: 2 * specLimits.fileBytes,
  },
  applySpec: {
    method: 'POST',
    path: '/api/v1/hosts/:host/spec',
    access: 'operator',
    summary: 'Declares what a host shall be like',
    params: hostParams,
    body: z.strictObject({
      ...givenSpec,
      message: z.string().max(1024).default(''),
      /** The index of a plan: refused when the host's state or spec has moved since. */
      check: z.string().max(128).optional(),
      /** Makes a revision even of what is declared already. */
      again: z.boolean().default(false),
    }),
    reply: declarationSchema,
    maxBodyBytes: 2 * specLimits.fileBytes,
  },
  rollBackSpec: {
    method: 'POST',
    path: '/api/v1/hosts/:host/rollback',
    access: 'operator',
    summary: 'Declares again what was declared before',
    params: hostParams,
    body: z.strictObject({ revision: revisionSchema.optional() }),
    reply: declarationSchema,
  },
  getObservation: {
    method: 'GET',
    path: '/api/v1/hosts/:host/observation',
    access: 'viewer',
    summary: 'Gives what the host last reported of its engine',
    params: hostParams,
    reply: hostObservationSchema,
  },
  putContext: {
    method: 'PUT',
    path: '/api/v1/contexts/:digest',
    access: 'operator',
    summary: 'Hands in a build context, a tar; refused unless it has this digest',
    params: z.object({ digest: digestSchema }),
    /** No more than this comes: refused at once where there is no room for it. */
    query: z.object({ sizeBytes: z.coerce.number().int().nonnegative() }),
    body: 'bytes',
    reply: z.object({ sizeBytes: z.int().nonnegative() }),
    maxBodyBytes: specLimits.contextBytes,
  },
  hasContext: {
    method: 'GET',
    path: '/api/v1/contexts/:digest',
    access: 'operator',
    summary: 'Tells whether the server has a build context; refused where it has not, nor room for one of this size',
    params: z.object({ digest: digestSchema }),
    query: z.object({
      sizeBytes: z.coerce.number().int().nonnegative().optional(),
      /** Of all that the spec of a host is going to name. */
      hostBytes: z.coerce.number().int().nonnegative().optional(),
    }),
    reply: z.object({ exists: z.boolean() }),
  },
} as const satisfies Routes;
