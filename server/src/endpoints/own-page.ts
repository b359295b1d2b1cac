/**
 * A page of ours that somebody has to be signed in for, without a client: the sign-in is the same as everywhere, and ends at
 * the page that wanted it. Its forms belong to one page, one browser and one session.
 */
import type { FastifyReply } from 'fastify';
import { isSameOriginPost } from '../http/csrf.ts';
import { requireForm } from '../http/form.ts';
import type { Interaction, SignedInPage } from '../interaction/sealed-request.ts';
import { pageError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import type { Session } from '../store/sessions.ts';
import { newId } from '../tokens/handle.ts';
import type { Form } from '../views/index.ts';
import type { FlowPorts } from './flow.ts';
import { believed, type PageSignIn, stranger } from './interaction.ts';
import { requestField, sealText, sendLogin, sendUnavailable, tokenField } from './pages.ts';
import { bindBrowser, forgetSession, goTo, pathOf, type Visit } from './visit.ts';

export interface Visitor {
  readonly session: Session;
  /** The plain value of the browser's cookie. */
  readonly browser: string;
}

/** The page's query, to come back with after the sign-in. */
export type PageQuery = Readonly<Record<string, string>>;

/**
 * Who is signed in; or what was sent in their place: the login page, and after a POST a redirect to it. One statement, none
 * for a stranger.
 *
 * @param otherwise who it is where the cookie opens nothing. Default: nobody
 * @throws ProtocolError `invalid_request` for a form that no page of ours sent
 */
export async function requireSession(
  ports: FlowPorts,
  visit: Visit,
  page: SignedInPage,
  query: PageQuery = {},
  otherwise: () => Promise<Session | null> = async () => null,
): Promise<Visitor | { readonly sent: FastifyReply }> {
  // A form of another site comes without our cookies: answered with new ones, it would take the place of those that count.
  if (visit.request.method === 'POST') requireOwnPage(visit);
  const session = (await sessionOf(ports, visit)) ?? (await otherwise());
  const browser = bindBrowser(visit);
  if (session !== null) return { session, browser };
  forgetSession(visit);
  const going = signInFor(ports, page, query);
  if (visit.request.method === 'POST') return { sent: goToLogin(ports, visit, going.interaction, browser) };
  return { sent: sendLogin(ports, visit, going, browser, null) };
}

/** "Use another account": a new sign-in that ends at the same page. */
export function switchAccount(
  ports: FlowPorts,
  visit: Visit,
  page: SignedInPage,
  { browser }: Visitor,
  query: PageQuery = {},
): FastifyReply {
  const { interaction } = signInFor(ports, page, query);
  return goToLogin(ports, visit, { ...interaction, switching: true }, browser);
}

/** `GET /login` of such a sign-in. Whoever is signed in meanwhile, in another tab perhaps, goes on. */
export async function resumePage(
  ports: FlowPorts,
  visit: Visit,
  going: PageSignIn,
  browser: string,
): Promise<FastifyReply> {
  const { note, ...rest } = going.interaction;
  if (note?.kind === 'unavailable') {
    const href = pathOf(visit, 'login', { [requestField]: sealText(ports, rest, browser) });
    return sendUnavailable(visit, undefined, note.who, { href });
  }
  const failed = note?.kind === 'login' && note.problem !== undefined;
  const session = !failed && rest.switching !== true ? await sessionOf(ports, visit) : null;
  return session === null ? sendLogin(ports, visit, going, browser, null) : goToPage(visit, going);
}

/** The sign-in is done. */
export function goToPage(visit: Visit, { page, interaction }: PageSignIn): FastifyReply {
  return goTo(visit, page, Object.fromEntries(interaction.parameters));
}

/** A form of the page, good for this browser and this session alone. */
export function pageForm(
  ports: FlowPorts,
  visit: Visit,
  page: SignedInPage,
  visitor: Visitor,
  fields: Readonly<Record<string, string>> = {},
): Form {
  const all = { [tokenField]: ports.formTokens.issue(binding(page, visitor)), ...fields };
  return { action: pathOf(visit, page), fields: Object.entries(all).map(([name, value]) => ({ name, value })) };
}

/**
 * What the page's form brought. `undefined`: it was made for another session (somebody signed in anew in another tab), so
 * nothing that it asks for may happen, and the page is to be shown again.
 *
 * @throws ProtocolError `invalid_request` for what is no form
 */
export function openPageForm(
  ports: FlowPorts,
  visit: Visit,
  page: SignedInPage,
  visitor: Visitor,
): Parameters | undefined {
  const parameters = requireForm(visit.request, { by: 'page' });
  return ports.formTokens.isValid(parameters.get(tokenField), binding(page, visitor)) ? parameters : undefined;
}

/** A query that only we can have written, for this page of this session in this browser. */
export function ownQuery(ports: FlowPorts, page: SignedInPage, visitor: Visitor, query: PageQuery): PageQuery {
  return { ...query, [tokenField]: ports.formTokens.issue(queryBinding(page, visitor, query)) };
}

/** Of what was asked for, the fields of these names; `undefined`: it is not {@link ownQuery}'s, or lacks one of them. */
export function openOwnQuery<Name extends string>(
  ports: FlowPorts,
  page: SignedInPage,
  visitor: Visitor,
  parameters: Parameters,
  names: readonly Name[],
): Readonly<Record<Name, string>> | undefined {
  const query = Object.fromEntries(names.map((name) => [name, parameters.get(name) ?? ''])) as Record<Name, string>;
  return ports.formTokens.isValid(parameters.get(tokenField), queryBinding(page, visitor, query)) ? query : undefined;
}

function queryBinding(page: SignedInPage, visitor: Visitor, query: PageQuery): readonly string[] {
  return [...binding(page, visitor), 'query', ...Object.entries(query).flat()];
}

function requireOwnPage({ request, server }: Visit): void {
  if (!isSameOriginPost(request.headers, server.issuer)) {
    throw pageError('invalid_request', 'the form was not sent from a page of ours');
  }
}

function binding(page: SignedInPage, { browser, session }: Visitor): readonly string[] {
  return [browser, session.id, page];
}

function signInFor(ports: FlowPorts, page: SignedInPage, query: PageQuery): PageSignIn {
  const interaction: Interaction = {
    grantId: newId(),
    startedAt: ports.clock.now(),
    page,
    parameters: Object.entries(query),
  };
  return { interaction, page };
}

function goToLogin(ports: FlowPorts, visit: Visit, interaction: Interaction, browser: string): FastifyReply {
  return goTo(visit, 'login', { [requestField]: sealText(ports, interaction, browser) });
}

/** Whose session the cookies open. */
export async function sessionOf(ports: FlowPorts, visit: Visit): Promise<Session | null> {
  const { handle, browser } = visit;
  const state =
    handle === undefined || browser === undefined ? stranger : await ports.sessions.read({ handle, browser });
  return believed(visit, state).session;
}
