/**
 * The pictures of the pages, served by us: a page loads nothing from elsewhere. A path names the content, so that it may be
 * kept for ever; whose picture it is tells a replica where to look, without an index of 100,000 clients.
 */
import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { readQuery } from '../http/form.ts';
import { pageError } from '../protocol/errors.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';

/** By the base64 text, which a registration holds for as long as it is served. */
const known = new Map<string, string>();
const mostKnown = 200;

function hashOf(picture: string): string {
  const found = known.get(picture);
  if (found !== undefined) return found;
  const made = hash('sha256', Buffer.from(picture, 'base64'));
  if (known.size >= mostKnown) known.clear();
  known.set(picture, made);
  return made;
}

/**
 * Path below the issuer's of a picture.
 *
 * @param picture a PNG in base64. @param clientId whose it is; left out: the server's.
 */
export function logoPath(picture: string, clientId?: string): string {
  const query = clientId === undefined ? '' : `?${new URLSearchParams({ client_id: clientId }).toString()}`;
  return `/logos/${hashOf(picture)}${query}`;
}

const headers = {
  'content-type': 'image/png',
  'cache-control': 'public, max-age=31536000, immutable',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
} as const;

export function mountLogos(app: FastifyInstance, snapshot: SnapshotSource): void {
  app.get<{ Params: { hash: string } }>('/logos/:hash', { config: { errors: 'page' } }, (request, reply) => {
    const { current } = snapshot;
    const clientId = readQuery(request).parameters.get('client_id');
    const picture =
      clientId === undefined ? current.server?.value.branding?.logo : current.client(clientId)?.value.logo;
    if (picture === undefined || hashOf(picture) !== request.params.hash) {
      throw pageError('not_found', 'there is no such picture');
    }
    return reply.headers(headers).send(Buffer.from(picture, 'base64'));
  });
}
