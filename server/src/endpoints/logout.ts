/**
 * The end-session endpoint (OpenID Connect RP-Initiated Logout §2). An ID token of this browser's session ends it without a
 * question; everything else asks. Whatever is wrong with a request ends on a page of ours, and nobody is sent anywhere but to
 * a URI that is registered, byte for byte, for the client that was named.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { queryText, readQuery } from '../http/form.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { type LogoutRequest, readLogoutRequest } from '../protocol/logout-request.ts';
import type { ParameterReading } from '../protocol/parameters.ts';
import type { EndedSession } from '../store/ended-sessions.ts';
import {
  finish,
  goOn,
  type LogoutPorts,
  readSession,
  sendQuestion,
  sendSignedOut,
  signOutForm,
  type Wish,
} from './session-end.ts';
import { goAsGet, inLanguageOf, openVisit, sendErrorPage, type Visit } from './visit.ts';

export function mountLogout(app: FastifyInstance, ports: LogoutPorts): void {
  const config = { errors: 'page' } as const;
  app.get(endpointPaths.endSession, { config, exposeHeadRoute: false }, (request, reply) =>
    logout(ports, openVisit(ports, request, reply), readQuery(request)),
  );
  // Another site's form comes without our cookies (they are Lax): the same request as a GET brings them along.
  app.post(endpointPaths.endSession, { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const body = typeof request.body === 'string' ? request.body : '';
    const query = [queryText(request), body].filter((text) => text !== '').join('&');
    return goAsGet(visit, 'logout', query);
  });
}

async function logout(ports: LogoutPorts, visit: Visit, reading: ParameterReading): Promise<FastifyReply> {
  const { parameters } = reading;
  const hint = parameters.get('id_token_hint');
  const claims = hint === undefined ? undefined : await ports.keys.readHint(hint);
  const read = readLogoutRequest(reading, claims, (id) => visit.snapshot.client(id)?.value);
  const uiLocales = parameters.get('ui_locales');
  if (read.outcome === 'incomplete') return fail(ports, inLanguageOf(visit, uiLocales), read.problem);
  const wish = wishOf(ports, visit, read.request, uiLocales);
  const ended = await endHinted(ports, visit, read.request);
  if (ended !== null) return finish(ports, visit, wish, ended, 'redirect');
  const session = await readSession(ports, visit);
  if (session === null) return goOn(ports, visit, wish);
  const { hint: about, client } = read.request;
  // Without a session in it, the token can only say that it is about the person who is signed in here.
  const same = about?.sid === undefined && about !== undefined && client !== undefined;
  if (same && ports.subjectOf(client, session.subject) === about.subject) {
    const own = await end(ports, visit, session.id);
    if (own !== null) return finish(ports, visit, wish, own, 'redirect');
  }
  return sendQuestion(ports, visit, wish, session);
}

function wishOf(
  ports: LogoutPorts,
  visit: Visit,
  { client, returnTo }: LogoutRequest,
  uiLocales: string | undefined,
): Wish {
  const owner = client === undefined ? undefined : visit.snapshot.client(client.client_id)?.owner;
  return {
    startedAt: ports.clock.now(),
    ...(client === undefined || owner === undefined ? {} : { client: { id: client.client_id, uid: owner.uid } }),
    ...(returnTo === undefined ? {} : { returnTo }),
    ...(uiLocales === undefined ? {} : { uiLocales }),
  };
}

/** One statement: the session that the token names ends, if it is this browser's. */
async function endHinted(
  ports: LogoutPorts,
  visit: Visit,
  { hint, client }: LogoutRequest,
): Promise<EndedSession | null> {
  if (hint?.sid === undefined || client === undefined) return null;
  const id = ports.sessionNames.meant(client, hint.sid);
  return id === undefined ? null : end(ports, visit, id);
}

async function end(ports: LogoutPorts, visit: Visit, id: string): Promise<EndedSession | null> {
  const { handle, browser, request, source } = visit;
  if (handle === undefined || browser === undefined) return null;
  const event = { requestId: request.id, clientAddress: source.address };
  return ports.sessionEnds.endOfBrowser({ handle, browser, id }, 'logout', event);
}

/** Nothing of the request is believed. Who is signed in may sign out here; who is not reads that they are not. */
async function fail(ports: LogoutPorts, visit: Visit, description: string): Promise<FastifyReply> {
  const session = await readSession(ports, visit);
  const startedAt = ports.clock.now();
  ports.log.info('a logout request was not complete', {
    'request.id': visit.request.id,
    'error.type': 'logout_failed',
    'error.detail': description,
  });
  if (session === null) return sendSignedOut(ports, visit, { startedAt });
  const signOut = signOutForm(ports, visit, { startedAt }, session);
  return sendErrorPage(visit, { code: 'logout_failed', description, signOut });
}
