/** Health and metrics, on the management port alone: no spelling of a public path reaches them. */
import type { FastifyInstance } from 'fastify';
import type { Readiness } from '../http/readiness.ts';

export interface ManagementParts {
  readonly readiness: Readiness;
  /** The metrics' registry. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
  /** Measured just before a scrape. */
  readonly beforeScrape: () => void;
  /** More documents, by path; each answers what its function returns, as JSON that people can read too. */
  readonly routes: Readonly<Record<string, () => unknown>>;
}

export function mountManagement(app: FastifyInstance, parts: ManagementParts): void {
  const config = { errors: 'json', admission: 'exempt' } as const;
  // Liveness looks at the event loop and nothing else: an outage of the database must not restart the fleet.
  app.get('/livez', { config }, (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'));
  app.get('/readyz', { config }, (_request, reply) => {
    const problems = parts.readiness.problems();
    reply.code(problems.length === 0 ? 200 : 503).type('text/plain; charset=utf-8');
    return reply.send(problems.length === 0 ? 'ok\n' : `${problems.join('\n')}\n`);
  });
  app.get('/metrics', { config }, async (_request, reply) => {
    parts.beforeScrape();
    return reply.type(parts.registry.contentType).send(await parts.registry.metrics());
  });
  for (const [path, content] of Object.entries(parts.routes)) {
    app.get(path, { config }, async (_request, reply) => {
      const body = `${JSON.stringify(await content(), null, 2)}\n`;
      return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(body);
    });
  }
}
