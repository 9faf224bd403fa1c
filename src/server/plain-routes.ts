import type { FastifyInstance } from 'fastify';

export interface PlainRoutesOptions {
  readonly openApi: () => unknown;
  /** Why the server cannot serve right now; undefined when it can. */
  readonly unreadiness: () => string | undefined;
}

/** What load balancers and tools ask for, beside `contracts/routes.ts`. */
export function addPlainRoutes(http: FastifyInstance, { openApi, unreadiness }: PlainRoutesOptions): void {
  http.get('/healthz', async () => 'ok\n');
  http.get('/readyz', async (_request, reply) => {
    const why = unreadiness();
    return why === undefined ? 'ready\n' : reply.code(503).send(`${why}\n`);
  });
  let document: string | undefined;
  http.get('/api/v1/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(openApi()); // Made once: it takes long, and anybody may ask for it.
    return reply.type('application/json; charset=utf-8').send(document);
  });
}
