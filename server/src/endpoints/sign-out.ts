/** The question whether to sign out, with its form; and the page after it. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isSameOriginPost } from '../http/csrf.ts';
import { readQuery, requireForm } from '../http/form.ts';
import { openLogout } from '../interaction/sealed-logout.ts';
import { pageError } from '../protocol/errors.ts';
import { requestField, tokenField } from './pages.ts';
import {
  finish,
  type LogoutPorts,
  openDone,
  readSession,
  sendQuestion,
  sendSignedOut,
  signOutBinding,
  type Wish,
} from './session-end.ts';
import { goTo, openVisit, requireBrowser, type Visit } from './visit.ts';

export function mountSignOut(app: FastifyInstance, ports: LogoutPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/sign-out', { config, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return ask(ports, visit, readQuery(request).parameters.get(requestField));
  });
  app.post('/sign-out', { config }, (request, reply) => post(ports, openVisit(ports, request, reply)));
  app.get('/signed-out', { config, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return signedOut(ports, visit, readQuery(request).parameters.get(requestField));
  });
}

/** An address that does not open is a question without a wish. */
async function ask(ports: LogoutPorts, visit: Visit, text: string | undefined): Promise<FastifyReply> {
  const { browser } = visit;
  const now = ports.clock.now();
  const asked = browser === undefined ? null : openLogout(ports.sealer, 'asked', text, browser, now);
  const session = await readSession(ports, visit);
  if (asked === null) {
    const wish = { startedAt: now };
    return session === null ? sendSignedOut(ports, visit, wish) : sendQuestion(ports, visit, wish, session);
  }
  const { sessionId, framed, called, ...wish } = asked;
  // A form that was sent twice ends here too, and whichever answer the browser shows is the same.
  return session === null
    ? sendSignedOut(ports, visit, { ...wish, session: { sessionId, framed, called } })
    : sendQuestion(ports, visit, wish, session);
}

async function post(ports: LogoutPorts, visit: Visit): Promise<FastifyReply> {
  const { request, server } = visit;
  const parameters = requireForm(request, { by: 'page' });
  if (!isSameOriginPost(request.headers, server.issuer)) throw notOurs();
  const browser = requireBrowser(visit);
  const text = parameters.get(requestField);
  const asked = openLogout(ports.sealer, 'asked', text, browser, ports.clock.now());
  // Open for too long: the question once more, without what was wished for then.
  if (asked === null) return goTo(visit, 'sign-out', {});
  if (!ports.formTokens.isValid(parameters.get(tokenField), signOutBinding(browser, asked.sessionId))) throw notOurs();
  if (parameters.has('stay')) return goTo(visit, 'account', {});
  const { sessionId, framed: _framed, called: _called, ...wish } = asked;
  const ended = parameters.has('sign-out') ? await end(ports, visit, browser, sessionId) : null;
  // Not this browser's session any more: somebody signed in or out in another tab, and the page says what is true now.
  if (ended === null) return goTo(visit, 'sign-out', text === undefined ? {} : { [requestField]: text });
  return finish(ports, visit, wish, ended, 'page');
}

async function end(ports: LogoutPorts, { handle, request, source }: Visit, browser: string, id: string) {
  if (handle === undefined) return null;
  const event = { requestId: request.id, clientAddress: source.address };
  return ports.sessionEnds.endOfBrowser({ handle, browser, id }, 'logout', event);
}

function notOurs(): Error {
  return pageError('invalid_request', 'the form was not sent from a page of ours');
}

/** Never said to somebody who is signed in: they are asked instead. */
async function signedOut(ports: LogoutPorts, visit: Visit, text: string | undefined): Promise<FastifyReply> {
  const session = await readSession(ports, visit);
  const none: Wish = { startedAt: ports.clock.now() };
  if (session !== null) return sendQuestion(ports, visit, none, session);
  return sendSignedOut(ports, visit, openDone(ports, visit, text) ?? none);
}
