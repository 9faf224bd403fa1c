import * as z from 'zod';
import { hostNameSchema } from './fleet-ids.ts';
import type { Routes } from './route.ts';

/** Name of a workspace, as a spec has it. */
const workspaceSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'must be a name of a workspace');

/** Ports of workspaces in browsers. What a page asks then is below its own address, and in no table. */
export const proxyRoutes = {
  createProxyUrl: {
    method: 'POST',
    path: '/api/v1/hosts/:host/proxy-urls',
    access: 'operator',
    summary: 'Makes an address at which a browser gets to a port of a workspace in your name',
    params: z.object({ host: hostNameSchema }),
    body: z.strictObject({
      workspace: workspaceSchema,
      port: z.int().min(1).max(65_535),
      /** How the caller reaches this server: a browser of theirs shall get there the same way. */
      server: z.url({ protocol: /^https?$/ }).max(2_048),
    }),
    /** It opens once, until then; what it opens stays for as long as it is used, 12 h at most. */
    reply: z.object({ url: z.url(), expiresAt: z.iso.datetime() }),
  },
} as const satisfies Routes;
