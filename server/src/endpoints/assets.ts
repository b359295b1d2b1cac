import type { FastifyInstance } from 'fastify';
import { takesGzip } from '../http/headers.ts';
import { pageError } from '../protocol/errors.ts';
import { type Asset, accentSheetAt, icon, stylesheet } from '../views/index.ts';

const fixed = new Map<string, Asset>([stylesheet, icon].map((one) => [one.path, one]));

/** The files that pages load; their paths hold the hash of their content. */
export function mountAssets(app: FastifyInstance): void {
  app.get<{ Params: { name: string } }>(
    '/assets/:name',
    { config: { admission: 'exempt', errors: 'page' } },
    (request, reply) => {
      const path = `/assets/${request.params.name}`;
      const asset = fixed.get(path) ?? accentSheetAt(path);
      if (asset === undefined) throw pageError('not_found', 'there is no such file');
      reply.headers(asset.headers);
      if (asset.gzipped === undefined || !takesGzip(request.headers['accept-encoding'])) return reply.send(asset.body);
      return reply.header('content-encoding', 'gzip').send(asset.gzipped);
    },
  );
}
