/**
 * Where every form of ours ends: the page that goes on to the client. Browsers apply `form-action` to the whole chain of
 * redirects behind a form, so none of them leaves this origin. The answer opens beside the browser's cookie alone.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readQuery } from '../http/form.ts';
import { type Answer, openAnswer } from '../interaction/sealed-request.ts';
import { pageError } from '../protocol/errors.ts';
import { authorizationResponseUri } from '../protocol/redirect-uri.ts';
import type { Answered } from '../store/authorization-codes.ts';
import type { FlowPorts } from './flow.ts';
import { reopenText } from './interaction.ts';
import { requestField, sendContinue, sendExpired, sendPartial, sendRefused } from './pages.ts';
import { isStored, withPages } from './resume.ts';
import { leave, openVisit, requireBrowser, sendErrorPage, type Visit } from './visit.ts';

export function mountContinue(app: FastifyInstance, ports: FlowPorts): void {
  app.get('/continue', { config: { errors: 'page' }, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const { parameters } = readQuery(request);
    return withPages(visit, () => {
      const text = parameters.get(requestField);
      return text !== undefined && isStored(text)
        ? answered(ports, visit, text, parameters.has('read'))
        : cancelled(ports, visit, text);
    });
  });
}

/** The person chose Cancel before anybody was known: nothing was stored, so the request travels itself. */
async function cancelled(ports: FlowPorts, visit: Visit, text: string | undefined): Promise<FastifyReply> {
  const browser = requireBrowser(visit);
  const reopened = reopenText(ports, visit, text, browser);
  if (reopened.outcome === 'expired') return sendExpired(ports, visit, reopened.interaction, browser);
  if (reopened.outcome === 'page') throw pageError('invalid_request', 'the request has no answer');
  const { going } = reopened;
  if (going.interaction.note?.kind !== 'cancelled') throw pageError('invalid_request', 'the request has no answer');
  const members = { error: 'access_denied', error_description: 'the user did not sign in' };
  return sendContinue(visit, going.client.value.client_name, authorizationResponseUri(going.request.redirect, members));
}

async function answered(ports: FlowPorts, visit: Visit, grantId: string, read: boolean): Promise<FastifyReply> {
  const browser = requireBrowser(visit);
  const row = await ports.codes.answer(grantId, { handle: visit.handle, browser });
  if (row === null) return sendExpired(ports, visit, undefined, browser);
  const client = visit.snapshot.client(row.clientId)?.value;
  const name = client?.client_name ?? visit.frame.displayName;
  if (row.answer === null) return sendAnswered(visit, name, client?.client_uri);
  const answer = openAnswer(ports.sealer, row.answer, browser, grantId);
  // Another browser's, which must not learn that there is one.
  if (answer === null) return sendExpired(ports, visit, undefined, browser);
  if (answer.kind === 'partial') return partial(ports, visit, name, answer, row, read, browser);
  if (!row.fresh) return sendAnswered(visit, name, client?.client_uri);
  return answer.kind === 'refused' ? sendRefused(visit, name, answer) : sendContinue(visit, name, answer.uri);
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
  if (row.redeemable) return read ? leave(visit, answer.uri) : sendPartial(visit, name, answer);
  // The code ran out while the page was read. What was read need not be read again.
  return sendExpired(ports, visit, { ...answer.interaction, told: answer.refused }, browser);
}

function sendAnswered(visit: Visit, name: string, clientUri: string | undefined): FastifyReply {
  return sendErrorPage(visit, {
    code: 'already_answered',
    client: { name },
    ...(clientUri === undefined ? {} : { backTo: clientUri }),
  });
}
