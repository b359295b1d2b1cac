/** The page of accounts (`prompt=select_account`): go on as the one who is signed in, or as somebody else. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Interaction } from '../interaction/sealed-request.ts';
import type { FlowPorts } from './flow.ts';
import { requestField, sealText } from './pages.ts';
import { openForm, withPages } from './resume.ts';
import { goTo, openVisit, type Visit } from './visit.ts';

export function mountChooseAccount(app: FastifyInstance, ports: FlowPorts): void {
  app.post('/choose-account', { config: { errors: 'page' } }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, async () => post(ports, visit));
  });
}

/** What was chosen is a session: if it is not this browser's by then, the page that follows asks again. */
function post(ports: FlowPorts, visit: Visit): FastifyReply {
  const { parameters, browser, interaction } = openForm(ports, visit);
  const chosen = parameters.get('account');
  const next: Interaction = parameters.has('use-another')
    ? { ...interaction, switching: true }
    : { ...interaction, ...(chosen === undefined ? {} : { chosen: chosen.slice(0, maxSessionId) }) };
  return goTo(visit, next.switching === true ? 'login' : 'consent', { [requestField]: sealText(ports, next, browser) });
}

const maxSessionId = 64;
