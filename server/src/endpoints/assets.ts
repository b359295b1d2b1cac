import type { FastifyInstance } from 'fastify';
import { stylesheet } from '../views/index.ts';

/** The one file that pages load; its path holds the hash of its content. */
export function mountAssets(app: FastifyInstance): void {
  app.get(stylesheet.path, { config: { admission: 'exempt' } }, (_request, reply) =>
    reply.headers(stylesheet.headers).send(stylesheet.body),
  );
}
