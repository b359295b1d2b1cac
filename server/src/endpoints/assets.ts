import type { FastifyInstance } from 'fastify';
import { icon, stylesheet } from '../views/index.ts';

/** The files that pages load; their paths hold the hash of their content. */
export function mountAssets(app: FastifyInstance): void {
  for (const { path, headers, body } of [stylesheet, icon])
    app.get(path, { config: { admission: 'exempt' } }, (_request, reply) => reply.headers(headers).send(body));
}
