/** What keeps pages elsewhere from reading this application (DNS rebinding) and from pressing its buttons. */
import type { FastifyInstance } from 'fastify';
import { fragmentScriptHash } from '../pages/fragment.ts';
import { problemPage } from '../pages/layout.ts';
import { callbackPath } from './paths.ts';
import { ownHost, ownUrl, page } from './web.ts';

const policy = [
  "default-src 'none'",
  "style-src 'self'",
  `script-src '${fragmentScriptHash}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
];

/** @param framedBy origin of a page that may show this one in a frame; left out: none. */
export function contentSecurityPolicy(framedBy = "'none'"): string {
  return [...policy, `frame-ancestors ${framedBy}`].join('; ');
}

export function guard(app: FastifyInstance): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy': contentSecurityPolicy(),
      // With no-referrer, browsers send `Origin: null` from our own forms too.
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
    const posted = request.method === 'POST' && request.url !== callbackPath;
    const foreign = posted && request.headers.origin !== ownUrl(app);
    if (request.headers.host !== ownHost(app) || foreign) {
      return page(reply.code(403), problemPage('Not from here', 'This page answers to its own address alone.'));
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    const text = error instanceof Error ? error.message : 'It failed.';
    return page(reply.code(500), problemPage('That did not work', text));
  });
  app.setNotFoundHandler((_request, reply) =>
    page(reply.code(404), problemPage('Nothing here', 'Start at the beginning.')),
  );
}
