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
import {
  bindBrowser,
  forgetSession,
  frameOnce,
  goTo,
  inLanguageOf,
  leave,
  longText,
  pathOf,
  sendCompressed,
  sendPage,
  type Visit,
} from './visit.ts';

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

/** More frames than these no browser loads in good time, and their names would not fit into an address. */
const mostFrames = 50;

function sessionOf(visit: Visit, { id: sessionId, clients }: SessionToEnd | EndedSession): SessionOfLogout {
  const all = told(visit, clients);
  const framed = all.filter((client) => client.frontchannel_logout_uri !== undefined).map(({ client_id: id }) => id);
  return {
    sessionId,
    framed: clients
      .filter(({ clientId }) => framed.includes(clientId))
      .slice(0, mostFrames)
      .map(({ clientId: id, clientUid: uid }) => ({ id, uid })),
    called: all.some((client) => client.backchannel_logout_uri !== undefined),
  };
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
  return sendPage(visit, signOutPage({ ...frameOnce(visit), form, user: { name: session.name }, clients }));
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
  const session = sessionOf(visit, ended);
  const uri = returnUri(visit, wish);
  if (way === 'redirect' && session.framed.length === 0 && uri !== undefined) return leave(visit, uri);
  const done: DoneLogout = { ...wish, startedAt: ports.clock.now(), session };
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
  const { session } = done;
  const failing = session?.called === true ? await ports.deliveries.unreached(session.sessionId) : [];
  const frames = (session?.framed ?? []).flatMap((one) => {
    const client = registered(visit, one);
    const uri = client?.frontchannel_logout_uri;
    if (session === undefined || client === undefined || uri === undefined) return [];
    const sid = ports.sessionNames.told(client, session.sessionId);
    const src = frontChannelLogoutUri(uri, visit.server.issuer, sid);
    return [{ src, client: clientText(visit, client) }];
  });
  const back = wayBack(visit, done);
  const html = signedOutPage({
    ...frameOnce(visit),
    frames,
    unreached: told(visit, failing).map((client) => clientText(visit, client)),
    back,
    signInAgain: pathOf(visit, 'account'),
  });
  const origins = [...new Set(frames.map(({ src }) => new URL(src).origin))];
  const policy = origins.length === 0 ? {} : { contentSecurityPolicy: framingContentSecurityPolicy(origins) };
  return (back?.uri.length ?? 0) > longText ? sendCompressed(visit, html, policy) : sendPage(visit, html, 200, policy);
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
