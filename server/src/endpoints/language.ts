/** The person picks a language: it is remembered by the browser, and the same page is shown again. */
import type { FastifyInstance } from 'fastify';
import { isSameOriginPost } from '../http/csrf.ts';
import { requireForm } from '../http/form.ts';
import { setPageHeaders } from '../http/headers.ts';
import { cookieScheme, setLanguage } from '../http/session-cookie.ts';
import { pathOfIssuer } from '../protocol/endpoints.ts';
import { pageError } from '../protocol/errors.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import { languageNames } from '../views/index.ts';
import { isOwnPath } from './frame.ts';

export function mountLanguage(app: FastifyInstance, snapshot: SnapshotSource): void {
  app.post('/language', { config: { errors: 'page' } }, (request, reply) => {
    const server = snapshot.current.server?.value;
    if (server === undefined) throw pageError('temporarily_unavailable', 'the server is not configured yet');
    const { issuer } = server;
    if (!isSameOriginPost(request.headers, issuer)) {
      throw pageError('invalid_request', 'the form was not sent from a page of ours');
    }
    const parameters = requireForm(request, { by: 'page' });
    const tag = parameters.get('language') ?? '';
    const to = parameters.get('to') ?? '';
    // A page of ours and nothing else: this must never lead anywhere on a stranger's word.
    if (!isOwnPath(pathOfIssuer(issuer), to) || !languageNames.some(([known]) => known === tag)) {
      throw pageError('invalid_request', 'the form was not sent from a page of ours');
    }
    setPageHeaders(reply, { https: issuer.startsWith('https:') });
    return reply
      .header('set-cookie', setLanguage(cookieScheme(issuer), tag))
      .code(303)
      .header('location', to)
      .send('');
  });
}
