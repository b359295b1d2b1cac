/** What every way of signing out has in common: the question, the end itself, and what follows it. */
import type { FastifyReply } from 'fastify';
import { framingContentSecurityPolicy } from '../http/headers.ts';
import {
  type AskedLogout,
  type DoneLogout,
  openLogout,
  type SessionOfLogout,
  sealLogout,
} from '../interaction/sealed-logout.ts';
import { frontChannelLogoutUri, logoutResponseUri, mayReturnTo } from '../protocol/logout-request.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { EndedSession, SessionClient, SessionEndStore, SessionToEnd } from '../store/ended-sessions.ts';
import type { LogoutDeliveryStore } from '../store/logout-deliveries.ts';
import { type ClientText, type Form, signedOutPage, signOutPage } from '../views/index.ts';
import type { FlowPorts } from './flow.ts';
import { requestField, tokenField } from './pages.ts';
import { clientText } from './texts.ts';
import { bindBrowser, forgetSession, goTo, inLanguageOf, leave, pathOf, sendPage, type Visit } from './visit.ts';

export interface LogoutPorts extends FlowPorts {
  readonly sessionEnds: SessionEndStore;
  readonly deliveries: Pick<LogoutDeliveryStore, 'unreached'>;
}

/** What is wanted of a logout, whoever asked for it. */
export type Wish = Omit<DoneLogout, 'session'>;

/** A client's registration, if it is the one that was meant then: not one made anew under its id. */
function registered(visit: Visit, { id, uid }: { id: string; uid: string }): ClientRegistration | undefined {
  const client = visit.snapshot.client(id);
  return client?.owner.uid === uid ? client.value : undefined;
}

/** Who of the applications of a session can be told: by us, or by the browser. */
function told(visit: Visit, clients: readonly SessionClient[]): readonly ClientRegistration[] {
  return clients
    .flatMap(({ clientId: id, clientUid: uid }) => registered(visit, { id, uid }) ?? [])
    .filter(({ backchannel_logout_uri: back, frontchannel_logout_uri: front }) => (back ?? front) !== undefined);
}

function sessionOf(visit: Visit, { id, clients }: SessionToEnd | EndedSession): SessionOfLogout {
  const ids = told(visit, clients).map(({ client_id }) => client_id);
  const known = clients.filter(({ clientId }) => ids.includes(clientId));
  return { sessionId: id, clients: known.map(({ clientId, clientUid }) => ({ id: clientId, uid: clientUid })) };
}

/** The session of this browser; one statement, none for a stranger. */
export async function readSession(ports: LogoutPorts, { handle, browser }: Visit): Promise<SessionToEnd | null> {
  return handle === undefined || browser === undefined ? null : ports.sessionEnds.read({ handle, browser });
}

/** The form of the question, and of the page that says that a request was not complete. Good for this session alone. */
export function signOutForm(ports: LogoutPorts, visit: Visit, wish: Wish, session: SessionToEnd): Form {
  const browser = bindBrowser(visit);
  const asked: AskedLogout = { ...wish, ...sessionOf(visit, session) };
  return {
    action: pathOf(visit, 'sign-out'),
    fields: [
      { name: requestField, value: sealLogout(ports.sealer, 'asked', asked, browser) },
      { name: tokenField, value: ports.formTokens.issue(signOutBinding(browser, asked.sessionId)) },
    ],
  };
}

export function signOutBinding(browser: string, sessionId: string): readonly string[] {
  return [browser, sessionId, 'sign-out'];
}

/** "Sign out?" Asking ends nothing. */
export function sendQuestion(ports: LogoutPorts, from: Visit, wish: Wish, session: SessionToEnd): FastifyReply {
  const form = signOutForm(ports, from, wish, session);
  // In another language it comes back by an address that holds nothing of what the client sent.
  const here = pathOf(from, 'sign-out', { [requestField]: form.fields[0]?.value ?? '' });
  const visit = inLanguageOf({ ...from, frame: { ...from.frame, here } }, wish.uiLocales);
  const clients = told(visit, session.clients).map((client) => clientText(visit, client));
  return sendPage(visit, signOutPage({ ...visit.frame, form, user: { name: session.name }, clients }));
}

/**
 * The session is over: its cookie goes, and the browser goes on. Only from a request without a form can it go to the
 * application at once; a page of ours comes first where frames have to be loaded, or somebody has to read.
 *
 * @param way `page` where a form stands at the beginning of the chain of redirects, to which browsers apply `form-action`
 */
export function finish(
  ports: LogoutPorts,
  visit: Visit,
  wish: Wish,
  ended: EndedSession,
  way: 'redirect' | 'page',
): FastifyReply {
  ports.emitAudit(ended.event);
  ports.metrics.grantsEnded.inc({ cause: 'user' }, ended.grants);
  forgetSession(visit);
  const framed = told(visit, ended.clients).some((client) => client.frontchannel_logout_uri !== undefined);
  const uri = returnUri(visit, wish);
  if (way === 'redirect' && !framed && uri !== undefined) return leave(visit, uri);
  const done: DoneLogout = { ...wish, startedAt: ports.clock.now(), session: sessionOf(visit, ended) };
  return goTo(visit, 'signed-out', { [requestField]: sealLogout(ports.sealer, 'done', done, bindBrowser(visit)) });
}

/** Compared once more with what is registered now: between question and answer the client may have changed its mind. */
function returnUri(visit: Visit, { client, returnTo }: Wish): string | undefined {
  if (client === undefined || returnTo === undefined) return undefined;
  return mayReturnTo(registered(visit, client), returnTo) ? logoutResponseUri(returnTo) : undefined;
}

/** Nobody is signed in: nothing has to end, and a registered URI of the client that was named needs no question. */
export function goOn(ports: LogoutPorts, visit: Visit, wish: Wish): FastifyReply | Promise<FastifyReply> {
  const uri = returnUri(visit, wish);
  if (uri === undefined) return sendSignedOut(ports, visit, wish);
  forgetSession(visit);
  return leave(visit, uri);
}

export function openDone(ports: LogoutPorts, visit: Visit, text: string | undefined): DoneLogout | null {
  const { browser } = visit;
  return browser === undefined ? null : openLogout(ports.sealer, 'done', text, browser, ports.clock.now());
}

/** The page after it. One statement where applications are being called, none otherwise. */
export async function sendSignedOut(ports: LogoutPorts, from: Visit, done: DoneLogout): Promise<FastifyReply> {
  const visit = inLanguageOf(from, done.uiLocales);
  forgetSession(visit);
  const { issuer } = visit.server;
  const { sessionId, clients: involved = [] } = done.session ?? {};
  const clients = involved.flatMap((client) => registered(visit, client) ?? []);
  const called = clients.some((client) => client.backchannel_logout_uri !== undefined);
  const failing = called && sessionId !== undefined ? await ports.deliveries.unreached(sessionId) : [];
  const frames = clients.flatMap((client) => {
    const uri = client.frontchannel_logout_uri;
    if (uri === undefined || sessionId === undefined) return [];
    return [{ src: frontChannelLogoutUri(uri, issuer, sessionId), client: clientText(visit, client) }];
  });
  const html = signedOutPage({
    ...visit.frame,
    frames,
    unreached: clients.filter(({ client_id }) => failing.includes(client_id)).map((one) => clientText(visit, one)),
    back: wayBack(visit, done),
    signInAgain: pathOf(visit, 'account'),
  });
  const origins = [...new Set(frames.map(({ src }) => new URL(src).origin))];
  const policy = origins.length === 0 ? {} : { contentSecurityPolicy: framingContentSecurityPolicy(origins) };
  return sendPage(visit, html, 200, policy);
}

function wayBack(
  visit: Visit,
  done: DoneLogout,
): { readonly client: ClientText; readonly uri: string; readonly goesOn: boolean } | undefined {
  const client = done.client === undefined ? undefined : registered(visit, done.client);
  if (client === undefined) return undefined;
  const due = returnUri(visit, done);
  const uri = due ?? client.client_uri;
  return uri === undefined ? undefined : { client: clientText(visit, client), uri, goesOn: due !== undefined };
}
