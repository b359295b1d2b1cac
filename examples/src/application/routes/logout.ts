/** Where the browser comes back to after signing out, and where this application hears that a session is over. */
import type { FastifyInstance } from 'fastify';
import { type BackchannelCall, hearFromServer, hearInFrame, takeLogoutAnswer } from '../flows/logout.ts';
import { layout } from '../pages/layout.ts';
import { signedOutPage } from '../pages/signed-out.ts';
import type { Walks } from '../walk.ts';
import { contentSecurityPolicy } from './guard.ts';
import { backchannelPath, frontchannelPath, signedOutPath } from './paths.ts';
import { cookieOf, formOf, ownUrl, page, queryOf, show, walkCookie } from './web.ts';

export function mountLogout(app: FastifyInstance, walks: Walks): void {
  app.get(signedOutPath, async (request, reply) => {
    const parameters = queryOf(request);
    const walk = walks.get(cookieOf(request, walkCookie(app)));
    if (walk?.logout === undefined || parameters.get('state') !== walk.logout.state)
      return page(reply, signedOutPage());
    takeLogoutAnswer(walk, parameters, ownUrl(app, signedOutPath));
    return show(walk, reply);
  });
  app.get(frontchannelPath, async (request, reply) => {
    const parameters = queryOf(request);
    const told = hearInFrame(walks, parameters, ownUrl(app, frontchannelPath));
    const [walk] = walks.ofSession(parameters.get('iss') ?? '', parameters.get('sid') ?? '');
    // The server's page alone may show this in its frame.
    if (walk !== undefined) {
      const { origin } = new URL(walk.credentials.issuer);
      reply.header('content-security-policy', contentSecurityPolicy(origin));
    }
    return page(
      reply,
      layout({ name: 'frontchannel-logout', title: 'Heard', body: `Walks that end with this session: ${told}.` }),
    );
  });
}

/**
 * For an application of its own that answers over TLS: the server calls no other. It comes without a browser, so neither
 * host nor origin say anything; the token's signature does.
 */
export function mountBackchannel(app: FastifyInstance, walks: Walks, onCall: (call: BackchannelCall) => void): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
  app.post(backchannelPath, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const form = formOf(request);
    const called = (status: number) => onCall({ path: backchannelPath, form: Object.fromEntries(form), status });
    try {
      await hearFromServer(
        walks,
        form.get('logout_token') ?? '',
        `${request.protocol}://${request.host}${backchannelPath}`,
      );
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'it failed';
      called(400);
      return reply.code(400).send({ error: 'invalid_request', error_description: problem });
    }
    called(200);
    return reply.code(200).send();
  });
}
