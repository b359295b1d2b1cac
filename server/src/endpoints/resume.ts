/** A request that is going on comes back to one of our pages, in a URL or in a form. */
import type { FastifyReply } from 'fastify';
import { isSameOriginPost } from '../http/csrf.ts';
import { requireForm } from '../http/form.ts';
import type { Interaction } from '../interaction/sealed-request.ts';
import { ProtocolError, pageError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import { errorResponse } from '../protocol/redirect-uri.ts';
import type { BrowserState } from '../store/sessions.ts';
import { proceed, sendRetry } from './authorize.ts';
import type { FlowPorts } from './flow.ts';
import { believed, type Going, type PageSignIn, reopen, reopenText, stateOf } from './interaction.ts';
import { resumePage } from './own-page.ts';
import { requestField, sendExpired, tokenField } from './pages.ts';
import { respondAfterForm } from './respond.ts';
import { goTo, requireBrowser, type Visit } from './visit.ts';

const id = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Stored requests are named by their id, others travel themselves. */
export function isStored(text: string): boolean {
  return id.test(text);
}

/** `GET /login`, `GET /consent`: wherever it comes back to, the dispatcher says which page it is. */
export async function resume(ports: FlowPorts, visit: Visit, text: string | undefined): Promise<FastifyReply> {
  const browser = requireBrowser(visit);
  if (text === undefined) throw pageError('invalid_request', 'the request is missing');
  return isStored(text) ? resumeStored(ports, visit, text, browser) : resumeSealed(ports, visit, text, browser);
}

async function resumeStored(ports: FlowPorts, visit: Visit, grantId: string, browser: string): Promise<FastifyReply> {
  const state = believed(visit, await ports.sessions.read({ handle: visit.handle, browser, grantId }));
  if (state.answered) return goTo(visit, 'continue', { [requestField]: grantId });
  // Swept, or never this browser's: which of them is nobody's business.
  if (state.request === null) return sendExpired(ports, visit, undefined, browser);
  const reopened = reopen(ports, visit, state.request, browser);
  if (reopened.outcome === 'expired') return sendExpired(ports, visit, reopened.interaction, browser);
  // Nothing is stored for a page of ours.
  if (reopened.outcome === 'page') return sendExpired(ports, visit, undefined, browser);
  return show(ports, visit, reopened.going, state, browser);
}

async function resumeSealed(ports: FlowPorts, visit: Visit, text: string, browser: string): Promise<FastifyReply> {
  const reopened = reopenText(ports, visit, text, browser);
  if (reopened.outcome === 'expired') return sendExpired(ports, visit, reopened.interaction, browser);
  if (reopened.outcome === 'page') return resumePage(ports, visit, reopened.going, browser);
  const state = await stateOf(ports, visit, reopened.going);
  if (state.answered) {
    return goTo(visit, 'continue', { [requestField]: reopened.going.interaction.grantId });
  }
  return show(ports, visit, reopened.going, state, browser);
}

function show(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  state: BrowserState,
  browser: string,
): Promise<FastifyReply> | FastifyReply {
  const { note } = going.interaction;
  if (note?.kind === 'unavailable') return sendRetry(ports, visit, going, note, browser);
  return proceed(ports, visit, going, state, 'page');
}

/** What a page's form brought, once it is sure that our page in this browser sent it. */
export interface Posted<G = Going> {
  readonly parameters: Parameters;
  readonly browser: string;
  readonly interaction: Interaction;
  /** `undefined`: the page was open for too long. */
  readonly going: G | undefined;
}

/** The form of an authorization request. @throws ProtocolError see {@link openAnyForm} */
export function openForm(ports: FlowPorts, visit: Visit): Posted {
  const { going, ...posted } = openAnyForm(ports, visit);
  if (going !== undefined && going.client === undefined) {
    throw pageError('invalid_request', 'the form is that of another page');
  }
  return { ...posted, going };
}

/** @throws ProtocolError for a form that is not ours, not this browser's, or altered. Nothing else has happened then. */
export function openAnyForm(ports: FlowPorts, visit: Visit): Posted<Going | PageSignIn> {
  const { request, server } = visit;
  if (!isSameOriginPost(request.headers, server.issuer)) {
    throw pageError('invalid_request', 'the form was not sent from a page of ours');
  }
  const browser = requireBrowser(visit);
  const parameters = requireForm(request, { by: 'page' });
  const reopened = reopenText(ports, visit, parameters.get(requestField), browser);
  const interaction = reopened.outcome === 'expired' ? reopened.interaction : reopened.going.interaction;
  if (!ports.formTokens.isValid(parameters.get(tokenField), [browser, interaction.grantId])) {
    throw pageError('invalid_request', 'the form was not sent from a page of ours');
  }
  return { parameters, browser, interaction, going: reopened.outcome === 'expired' ? undefined : reopened.going };
}

/**
 * Runs a page's handler. An error that belongs to the client (its registration changed meanwhile) goes there by way of a
 * page: a form may stand at the beginning of this chain of redirects.
 */
export async function withPages(visit: Visit, handle: () => Promise<FastifyReply>): Promise<FastifyReply> {
  try {
    return await handle();
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.delivery.by !== 'redirect') throw error;
    const response = errorResponse(error.delivery.to, error.code, error.description);
    return respondAfterForm(visit, visit.frame.displayName, response);
  }
}
