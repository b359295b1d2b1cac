/** The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). A stranger's request costs no statement. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { hasLeft } from '../directory/verify-consent.ts';
import { readQuery } from '../http/form.ts';
import { carried, type Interaction, type Note } from '../interaction/sealed-request.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { ProtocolError, redirectError } from '../protocol/errors.ts';
import { errorResponse } from '../protocol/redirect-uri.ts';
import { parseResponseType } from '../protocol/response-type.ts';
import type { BrowserState, Session } from '../store/sessions.ts';
import { newId } from '../tokens/handle.ts';
import { type Issue, issuedAnswer, type Refuse, refusedAnswer, unavailableEvent } from './answer.ts';
import { audited, type FlowPorts } from './flow.ts';
import { noteIssued } from './front-channel.ts';
import { hintedSubject } from './id-token-hint.ts';
import { type Decision, decide, type Going, parse, stateOf } from './interaction.ts';
import {
  formOf,
  readLink,
  requestField,
  sealText,
  sendChooseAccount,
  sendConsent,
  sendLogin,
  sendPartial,
  sendRefused,
  sendUnavailable,
} from './pages.ts';
import { respondAfterForm, respondAtOnce } from './respond.ts';
import { bindBrowser, forgetSession, goAsGet, goTo, openVisit, pathOf, type Visit } from './visit.ts';

export function mountAuthorize(app: FastifyInstance, ports: FlowPorts): void {
  const config = { errors: 'page' } as const;
  app.get(endpointPaths.authorization, { config, exposeHeadRoute: false }, async (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const reading = readQuery(request);
    let going: Going | undefined;
    try {
      const parsed = parse(visit, reading);
      const hinted = await hintedSubject(ports, reading, parsed);
      const interaction: Interaction = {
        grantId: newId(),
        startedAt: ports.clock.now(),
        client: parsed.client.owner.uid,
        parameters: carried(reading.parameters),
        ...(hinted === undefined ? {} : { hinted }),
      };
      going = { interaction, ...parsed };
      return await proceed(ports, visit, going, await stateOf(ports, visit, going), 'redirect');
    } catch (error) {
      const told = forClient(error, going);
      count(ports, reading.parameters.get('response_type'), told);
      throw told;
    }
  });
  // Another site's form comes without our cookies (they are Lax): the same request as a GET brings them along. Nothing
  // is stored, and nothing is judged before that.
  app.post(endpointPaths.authorization, { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const body = typeof request.body === 'string' ? request.body : '';
    return goAsGet(visit, 'authorize', body);
  });
}

/** A silent request waits in a frame that nobody sees: there the client is told that the database is away. */
function forClient(error: unknown, going: Going | undefined): unknown {
  const away = error instanceof Error && 'code' in error && error.code === 'database_unavailable';
  if (!away || going === undefined || !going.request.prompts.includes('none')) return error;
  const description = 'try again in a moment, nothing was given';
  return redirectError(going.request.redirect, 'temporarily_unavailable', description, { cause: error });
}

function count(ports: FlowPorts, asked: string | undefined, error: unknown): void {
  const outcome = error instanceof ProtocolError ? error.code : 'server_error';
  ports.metrics.authorizationRequests.inc({ response_type: parseResponseType(asked ?? '') ?? 'unknown', outcome });
}

/**
 * Takes a request that came without a form to its next step, and shows it.
 *
 * @param way how an answer gets to the client: `redirect` at once; `page` where a form may stand at the beginning of the
 *   chain of redirects, to which browsers apply `form-action`.
 */
export async function proceed(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  state: BrowserState,
  way: 'redirect' | 'page',
): Promise<FastifyReply> {
  const { interaction } = going;
  const { session, consented } = state;
  const { signedIn, switching, chosen } = interaction;
  const progress = { signedIn, switching, chosen };
  const decision = await decide(ports, visit, going, { session, consented, progress });
  switch (decision.step) {
    case 'login':
      if (session === null) forgetSession(visit);
      // Somebody else is meant: the page names nobody.
      return sendLogin(ports, visit, going, bindBrowser(visit), decision.reason === 'another_user' ? null : session);
    case 'choose_account':
      return session === null
        ? sendLogin(ports, visit, going, bindBrowser(visit), null)
        : sendChooseAccount(ports, visit, going, bindBrowser(visit), session);
    case 'consent':
      // Without a session the dispatcher says `login`.
      return session === null
        ? sendLogin(ports, visit, going, bindBrowser(visit), null)
        : sendConsent(ports, visit, going, bindBrowser(visit), session);
    case 'issue':
      return issue(ports, visit, going, decision, session, way);
    case 'refuse':
      return refuse(ports, visit, going, decision, session);
    case 'unavailable':
      return unavailable(ports, visit, going, decision);
  }
}

async function issue(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  decision: Issue,
  session: Session | null,
  way: 'redirect' | 'page',
): Promise<FastifyReply> {
  if (session === null) throw redirectError(going.request.redirect, 'login_required', 'nobody is signed in');
  const silent = going.request.prompts.includes('none');
  const prepared = await issuedAnswer(ports, visit, going, decision, session, silent ? undefined : bindBrowser(visit));
  const completion = await ports.codes.complete({ code: prepared.code, audit: [prepared.audit] }, 'soft');
  // A page that was loaded again: the request has its answer.
  if (completion === 'answered') return goTo(visit, 'continue', { [requestField]: going.interaction.grantId });
  if (completion === 'too_many') return tooMany(ports, visit, going, way);
  if (completion === 'changed') return proceed(ports, visit, going, await stateOf(ports, visit, going), way);
  ports.emitAudit(prepared.audit);
  ports.metrics.consents.inc({ outcome: decision.basis === 'implicit' ? 'allowed' : 'remembered' });
  noteIssued(ports, going, prepared);
  const { answer } = prepared;
  const name = going.client.value.client_name;
  if (answer.kind === 'partial' && !silent) return sendPartial(visit, name, answer);
  return way === 'redirect'
    ? respondAtOnce(visit, name, answer.response)
    : respondAfterForm(visit, name, answer.response, readLink(visit, going.interaction.grantId));
}

/** An application in a loop: its codes run out within a minute. */
function tooMany(ports: FlowPorts, visit: Visit, going: Going, way: 'redirect' | 'page'): FastifyReply {
  ports.metrics.authorizationRequests.inc({
    response_type: going.request.responseType,
    outcome: 'temporarily_unavailable',
  });
  if (way === 'redirect') {
    throw redirectError(going.request.redirect, 'temporarily_unavailable', 'there are too many unused codes');
  }
  return sendRetry(ports, visit, going, { kind: 'unavailable', who: 'us', retry: 'login' }, bindBrowser(visit));
}

async function refuse(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  decision: Refuse,
  session: Session | null,
): Promise<FastifyReply> {
  const silent = going.request.prompts.includes('none');
  if (decision.reason === 'prompt_none' || decision.reason === 'another_user' || session === null) {
    throw redirectError(going.request.redirect, decision.error, 'the user would have to be asked');
  }
  const { answer, audit } = refusedAnswer(ports, visit, going, decision, session);
  if (hasLeft(decision.reason)) {
    const ended = audited({ ...audit, event: 'grant.ended', outcome: 'success' });
    await ports.grants.endSubject(session.subject, [audit, ended]);
    ports.emitAudit(ended);
    ports.metrics.grantsEnded.inc({ cause: 'leaver' });
  } else await ports.audit.record(audit);
  ports.emitAudit(audit);
  ports.metrics.consents.inc({ outcome: 'refused' });
  ports.metrics.authorizationRequests.inc({ response_type: going.request.responseType, outcome: 'access_denied' });
  const name = going.client.value.client_name;
  if (silent) return respondAtOnce(visit, name, answer.response);
  const interaction: Interaction = { ...going.interaction, note: { kind: 'refused' } };
  const link = pathOf(visit, 'continue', { [requestField]: sealText(ports, interaction, bindBrowser(visit)) });
  return sendRefused(visit, name, answer, link);
}

function unavailable(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  { error }: Extract<Decision, { readonly step: 'unavailable' }>,
): FastifyReply {
  noteUnavailable(ports, visit, going, error.directory);
  if (going.request.prompts.includes('none')) {
    const description = 'the directory could not be asked, nothing was given';
    const response = errorResponse(going.request.redirect, 'temporarily_unavailable', description);
    return respondAtOnce(visit, going.client.value.client_name, response);
  }
  const browser = bindBrowser(visit);
  const { note: _note, ...rest } = going.interaction;
  const href = pathOf(visit, 'consent', { [requestField]: sealText(ports, rest, browser) });
  return sendUnavailable(visit, going.client.value.client_name, 'directory', { href });
}

export function noteUnavailable(ports: FlowPorts, visit: Visit, going: Going, directory: string): void {
  ports.emitAudit(unavailableEvent(visit, going, directory));
  ports.metrics.consents.inc({ outcome: 'unavailable' });
  ports.metrics.authorizationRequests.inc({
    response_type: going.request.responseType,
    outcome: 'temporarily_unavailable',
  });
}

/** The page that says that nothing was given, after a form: "Try again" repeats what the person did. */
export function sendRetry(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  note: Extract<Note, { kind: 'unavailable' }>,
  browser: string,
): FastifyReply {
  const { note: _note, ...rest } = going.interaction;
  const retry =
    note.retry === 'allow'
      ? formOf(ports, visit, 'consent', rest, browser, { decision: 'allow' })
      : { href: pathOf(visit, 'login', { [requestField]: sealText(ports, rest, browser) }) };
  return sendUnavailable(visit, going.client.value.client_name, note.who, retry);
}
