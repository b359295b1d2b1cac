/** The person picks a language: it is remembered by the browser, and the same page is shown again. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isSameOriginPost } from '../http/csrf.ts';
import { requireForm } from '../http/form.ts';
import { setLanguage } from '../http/session-cookie.ts';
import { type Interaction, loginProblems, type Note } from '../interaction/sealed-request.ts';
import { pathOfIssuer } from '../protocol/endpoints.ts';
import { pageError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import { languageNames } from '../views/index.ts';
import type { FlowPorts } from './flow.ts';
import { isOwnPath } from './frame.ts';
import { problemField, requestField, sealText } from './pages.ts';
import { openAnyForm, withPages } from './resume.ts';
import { leave, openVisit, pathOf, type Visit } from './visit.ts';

export function mountLanguage(app: FastifyInstance, ports: FlowPorts): void {
  app.post('/language', { config: { errors: 'page' } }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, async () => change(ports, visit));
  });
}

function change(ports: FlowPorts, visit: Visit): FastifyReply {
  const { request, reply, scheme, server } = visit;
  if (!isSameOriginPost(request.headers, server.issuer)) throw notOurs();
  const parameters = requireForm(request, { by: 'page' });
  const tag = parameters.get('language') ?? '';
  if (!languageNames.some(([known]) => known === tag)) throw notOurs();
  const page = parameters.has(requestField) ? requestAgain(ports, visit, parameters) : addressOf(visit, parameters);
  reply.header('set-cookie', setLanguage(scheme, tag));
  return leave(visit, page);
}

/** A page of ours and nothing else: this must never lead anywhere on a stranger's word. */
function addressOf(visit: Visit, parameters: Parameters): string {
  const to = parameters.get('to') ?? '';
  if (!isOwnPath(pathOfIssuer(visit.server.issuer), to)) throw notOurs();
  return to;
}

/** With what was typed, but for the password. Which page it is the dispatcher says anew. */
function requestAgain(ports: FlowPorts, visit: Visit, parameters: Parameters): string {
  const { interaction, browser } = openAnyForm(ports, visit);
  const { note: _note, ...rest } = interaction;
  const note = typed(parameters);
  const next: Interaction = note === undefined ? rest : { ...rest, note };
  const page = interaction.changing === undefined ? 'login' : 'password';
  return pathOf(visit, page, { [requestField]: sealText(ports, next, browser) });
}

function typed(parameters: Parameters): Note | undefined {
  const username = parameters.get('username');
  if (username === undefined) return undefined;
  const problem = loginProblems.find((one) => one === parameters.get(problemField));
  return { kind: 'login', username: username.slice(0, 256), ...(problem === undefined ? {} : { problem }) };
}

function notOurs(): Error {
  return pageError('invalid_request', 'the form was not sent from a page of ours');
}
