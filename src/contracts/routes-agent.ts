import * as z from 'zod';
import {
  heartbeatReplySchema,
  heartbeatSchema,
  helloReplySchema,
  helloRequestSchema,
  hostReportSchema,
  registerReplySchema,
  registerRequestSchema,
  signedDesiredStateSchema,
} from './agent-wire.ts';
import { digestSchema } from './ids.ts';
import type { Routes } from './route.ts';

const reportBytes = 16 * 1024 * 1024;

/** What agents ask of their server. The realtime socket is at `/agent/v1/socket`. */
export const agentRoutes = {
  hello: {
    method: 'POST',
    path: '/agent/v1/hello',
    access: 'public',
    summary: 'Asks for a challenge, and who the server is',
    body: helloRequestSchema,
    reply: helloReplySchema,
    maxBodyBytes: 4 * 1024,
  },
  register: {
    method: 'POST',
    path: '/agent/v1/register',
    access: 'public',
    summary: 'Makes a host known, or begins a new session of a known one',
    body: registerRequestSchema,
    reply: registerReplySchema,
    maxBodyBytes: 128 * 1024,
  },
  heartbeat: {
    method: 'POST',
    path: '/agent/v1/heartbeat',
    access: 'agent',
    summary: 'Reports a sign of life and metrics',
    body: heartbeatSchema,
    reply: heartbeatReplySchema,
    maxBodyBytes: reportBytes,
  },
  desired: {
    method: 'GET',
    path: '/agent/v1/desired',
    access: 'agent',
    summary:
      'Gives what is declared; 304 while its ETag is the one named in If-None-Match, after at most the seconds waited for',
    query: z.object({ waitSeconds: z.coerce.number().min(0).max(60).default(0) }),
    reply: signedDesiredStateSchema,
  },
  report: {
    method: 'POST',
    path: '/agent/v1/report',
    access: 'agent',
    summary: 'Reports what the host has and what was done',
    body: hostReportSchema,
    reply: 'nothing',
    maxBodyBytes: reportBytes,
  },
  fetchContext: {
    method: 'GET',
    path: '/agent/v1/contexts/:digest',
    access: 'agent',
    summary: 'Gives a build context, a tar',
    params: z.object({ digest: digestSchema }),
    reply: 'bytes',
  },
} as const satisfies Routes;

export const agentSocketPath = '/agent/v1/socket';
