/** Where the authorization server sends the browser back to, in each of the three response modes. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { takeAnswer } from '../flows/authorization.ts';
import { fragmentPage } from '../pages/fragment.ts';
import { problemPage } from '../pages/layout.ts';
import type { Answer, Walks } from '../walk.ts';
import { callbackPath } from './paths.ts';
import { cookieOf, formOf, page, queryOf, show, walkCookie } from './web.ts';

export function mountCallback(app: FastifyInstance, walks: Walks): void {
  const take = async (request: FastifyRequest, reply: FastifyReply, answer: Answer) => {
    const walk = walks.get(cookieOf(request, walkCookie(app)));
    const state = answer.parameters.get('state');
    if (walk?.pending === undefined || state !== walk.pending.state || walk.answer !== undefined) {
      const text = 'This browser did not ask for that answer, or has had it already.';
      return page(reply.code(400), problemPage('Not asked for', text));
    }
    await takeAnswer(walk, answer);
    return show(walk, reply);
  };

  app.get(callbackPath, async (request, reply) => {
    const parameters = queryOf(request);
    // Nothing that this server can see: what came, if anything did, stands behind the # of the address.
    if (parameters.size === 0) return page(reply, fragmentPage());
    return take(request, reply, { mode: 'query', parameters });
  });
  app.post(callbackPath, (request, reply) => take(request, reply, { mode: 'form_post', parameters: formOf(request) }));
  app.post(`${callbackPath}/fragment`, (request, reply) => {
    const typed = formOf(request).get('fragment') ?? '';
    const parameters = new URLSearchParams(typed.trim().replace(/^[^#]*#/, ''));
    return take(request, reply, { mode: 'fragment', parameters });
  });
}
