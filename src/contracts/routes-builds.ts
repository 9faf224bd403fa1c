import * as z from 'zod';
import { buildSchema, buildsReplySchema, buildsReportSchema } from './builds.ts';
import { hostNameSchema } from './fleet-ids.ts';
import type { Routes } from './route.ts';

const hostParams = z.object({ host: hostNameSchema });
/** A build by its id, a beginning of it that no other has, or the name of an image: then its newest. */
const buildParams = hostParams.extend({ build: z.string().min(1).max(64) });

/** Images that hosts build. */
export const buildRoutes = {
  reportBuilds: {
    method: 'POST',
    path: '/agent/v1/builds',
    access: 'agent',
    summary: 'Tells how builds get on; the reply names those to cancel',
    body: buildsReportSchema,
    reply: buildsReplySchema,
    maxBodyBytes: 8 * 1024 * 1024,
  },
  listBuilds: {
    method: 'GET',
    path: '/api/v1/hosts/:host/builds',
    access: 'viewer',
    summary: 'Lists what a host builds and has built, newest first',
    params: hostParams,
    reply: z.object({ builds: z.array(buildSchema) }),
  },
  readBuildLog: {
    method: 'GET',
    path: '/api/v1/hosts/:host/builds/:build/log',
    access: 'viewer',
    summary: 'Gives lines of the log of a build, waiting for the next while it runs',
    params: buildParams,
    query: z.object({
      /** The number of the first wanted line. */
      from: z.coerce.number().int().nonnegative().default(0),
      waitSeconds: z.coerce.number().min(0).max(25).default(0),
    }),
    reply: z.object({
      build: buildSchema,
      /** Number of the first line here: later than asked for where those between are not kept any more. */
      first: z.int().nonnegative(),
      lines: z.array(z.string()),
      /** Whether no more lines come after these. */
      isComplete: z.boolean(),
    }),
  },
  cancelBuild: {
    method: 'POST',
    path: '/api/v1/hosts/:host/builds/:build/cancel',
    access: 'operator',
    summary: 'Ends a build; it is not tried again until something is applied',
    params: buildParams,
    reply: buildSchema,
  },
} as const satisfies Routes;
