/**
 * Where every form of ours ends: the page that goes on to the client. Browsers apply `form-action` to the whole chain of
 * redirects behind a form, so none of them leaves this origin. The answer opens beside the browser's cookie alone.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readQuery } from '../http/form.ts';
import { type Answer, openAnswer } from '../interaction/sealed-request.ts';
import { pageError } from '../protocol/errors.ts';
import { errorResponse } from '../protocol/redirect-uri.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { Answered } from '../store/authorization-codes.ts';
import type { FlowPorts } from './flow.ts';
import { reopenText } from './interaction.ts';
import { readLink, requestField, sendExpired, sendPartial, sendRefused } from './pages.ts';
import { respondAfterForm, respondToReader } from './respond.ts';
import { isStored, withPages } from './resume.ts';
import { openVisit, requireBrowser, sendErrorPage, type Visit } from './visit.ts';

export function mountContinue(app: FastifyInstance, ports: FlowPorts): void {
  app.get('/continue', { config: { errors: 'page' }, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const { parameters } = readQuery(request);
    return withPages(visit, () => {
      const text = parameters.get(requestField);
      return text !== undefined && isStored(text)
        ? answered(ports, visit, text, parameters.has('read'))
        : ended(ports, visit, text);
    });
  });
}

const endings = {
  cancelled: 'the user did not sign in',
  refused: 'the directory does not allow it',
} as const;

/** Nothing was stored that this could be read from, so the request travels itself. */
async function ended(ports: FlowPorts, visit: Visit, text: string | undefined): Promise<FastifyReply> {
  const browser = requireBrowser(visit);
  const reopened = reopenText(ports, visit, text, browser);
  if (reopened.outcome === 'expired') return sendExpired(ports, visit, reopened.interaction, browser);
  if (reopened.outcome === 'page') throw pageError('invalid_request', 'the request has no answer');
  const { interaction, request, client } = reopened.going;
  const kind = interaction.note?.kind;
  if (kind !== 'cancelled' && kind !== 'refused') throw pageError('invalid_request', 'the request has no answer');
  const response = errorResponse(request.redirect, 'access_denied', endings[kind]);
  return respondAfterForm(visit, client.value.client_name, response);
}

async function answered(ports: FlowPorts, visit: Visit, grantId: string, read: boolean): Promise<FastifyReply> {
  const browser = requireBrowser(visit);
  const row = await ports.codes.answer(grantId, { handle: visit.handle, browser });
  if (row === null) return sendExpired(ports, visit, undefined, browser);
  const client = visit.snapshot.client(row.clientId)?.value;
  const name = client?.client_name ?? visit.frame.displayName;
  if (row.answer === null) return sendAnswered(visit, name, homeOf(client, row.redirectUri));
  const answer = openAnswer(ports.sealer, row.answer, browser, grantId);
  // Another browser's, which must not learn that there is one.
  if (answer === null) return sendExpired(ports, visit, undefined, browser);
  if (answer.kind === 'partial') return partial(ports, visit, name, answer, row, read, browser);
  if (!row.fresh) return sendAnswered(visit, name, homeOf(client, row.redirectUri));
  const way = readLink(visit, grantId);
  if (read) return respondToReader(visit, name, answer.response);
  return answer.kind === 'refused'
    ? sendRefused(visit, name, answer, way)
    : respondAfterForm(visit, name, answer.response, way);
}

function partial(
  ports: FlowPorts,
  visit: Visit,
  name: string,
  answer: Answer,
  row: Answered,
  read: boolean,
  browser: string,
): FastifyReply {
  if (row.redeemable) return read ? respondToReader(visit, name, answer.response) : sendPartial(visit, name, answer);
  // The code ran out while the page was read. What was read need not be read again.
  return sendExpired(ports, visit, { ...answer.interaction, told: answer.refused }, browser);
}

/**
 * Where the application begins: its own page, or the front door of the web site to which the answer went. Never the redirect
 * URI itself, which without an answer would only say that something is wrong.
 */
function homeOf(client: ClientRegistration | undefined, redirectUri: string): string | undefined {
  if (client?.client_uri !== undefined) return client.client_uri;
  if (client?.redirect_uris.includes(redirectUri) !== true) return undefined;
  const { protocol, origin } = new URL(redirectUri);
  return protocol === 'https:' ? `${origin}/` : undefined;
}

function sendAnswered(visit: Visit, name: string, clientUri: string | undefined): FastifyReply {
  return sendErrorPage(visit, {
    code: 'already_answered',
    client: { name },
    ...(clientUri === undefined ? {} : { backTo: clientUri }),
  });
}
