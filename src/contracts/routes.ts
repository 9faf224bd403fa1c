import { agentRoutes } from './routes-agent.ts';
import { buildRoutes } from './routes-builds.ts';
import { hostRoutes } from './routes-hosts.ts';
import { metricsRoutes } from './routes-metrics.ts';
import { peopleRoutes } from './routes-people.ts';
import { proxyRoutes } from './routes-proxy.ts';
import { sessionRoutes } from './routes-sessions.ts';

/** All that a server can be asked for over HTTP, besides `/healthz`, `/readyz`, `/metrics` and `/api/v1/openapi.json`. */
export const routes = {
  ...agentRoutes,
  ...peopleRoutes,
  ...hostRoutes,
  ...buildRoutes,
  ...metricsRoutes,
  ...proxyRoutes,
  ...sessionRoutes,
} as const;
export type RouteName = keyof typeof routes;
