/** The consent page's form. After a click the directory is always asked anew, and only then is anything given. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { hasLeft } from '../directory/verify-consent.ts';
import { readQuery } from '../http/form.ts';
import type { Interaction } from '../interaction/sealed-request.ts';
import { isWithin } from '../protocol/scope.ts';
import type { Completion } from '../store/authorization-codes.ts';
import type { Session } from '../store/sessions.ts';
import { type Issue, issuedAnswer, type Refuse, refusedAnswer } from './answer.ts';
import { noteUnavailable } from './authorize.ts';
import { audited, type FlowPorts } from './flow.ts';
import { noteIssued } from './front-channel.ts';
import { claimsAgreed, decide, type Going, stateOf } from './interaction.ts';
import { requestField, sealText } from './pages.ts';
import { openForm, resume, withPages } from './resume.ts';
import { goTo, openVisit, type Visit } from './visit.ts';

export function mountConsent(app: FastifyInstance, ports: FlowPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/consent', { config, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => resume(ports, visit, readQuery(request).parameters.get(requestField)));
  });
  app.post('/consent', { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => post(ports, visit));
  });
}

async function post(ports: FlowPorts, visit: Visit): Promise<FastifyReply> {
  const { parameters, browser, interaction, going } = openForm(ports, visit);
  const again = (page: 'login' | 'consent', next: Interaction): FastifyReply =>
    goTo(visit, page, { [requestField]: sealText(ports, next, browser) });
  if (going === undefined) return again('consent', interaction);
  if (parameters.has('use-another')) return again('login', { ...interaction, switching: true });
  const { session, consented, answered } = await stateOf(ports, visit, going);
  if (answered) return goTo(visit, 'continue', { [requestField]: interaction.grantId });
  const answer = parameters.get('decision');
  const { shown, note: _note, ...rest } = interaction;
  // A click counts for what was shown, and for the person it was shown to.
  const same = shown !== undefined && shown.session === session?.id && coversAll(visit, going, shown);
  if (session === null || !same || (answer !== 'allow' && answer !== 'deny')) return again('consent', rest);
  const progress = {
    signedIn: rest.signedIn,
    chosen: rest.chosen,
    decision: { answer, at: ports.clock.now() },
  } as const;
  const decision = await decide(ports, visit, going, { session, consented, progress });
  switch (decision.step) {
    case 'login':
    case 'consent':
      return again(decision.step, rest);
    case 'choose_account':
      return again('login', rest);
    case 'unavailable':
      noteUnavailable(ports, visit, going, decision.error.directory);
      return again('consent', { ...rest, shown, note: { kind: 'unavailable', who: 'directory', retry: 'allow' } });
    case 'issue': {
      const completion = await issue(ports, visit, going, decision, session, browser);
      if (completion === 'changed') return again('consent', rest);
      if (completion === 'too_many') {
        return again('consent', { ...rest, shown, note: { kind: 'unavailable', who: 'us', retry: 'allow' } });
      }
      break;
    }
    case 'refuse':
      await refuse(ports, visit, going, decision, session, browser);
      break;
  }
  // Whoever was first: a form sent twice gets the one answer that was written.
  return goTo(visit, 'continue', { [requestField]: interaction.grantId });
}

function coversAll(visit: Visit, going: Going, shown: NonNullable<Interaction['shown']>): boolean {
  return isWithin(going.request.scopes, shown.scopes) && isWithin(claimsAgreed(visit, going), shown.claims ?? []);
}

async function issue(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  decision: Issue,
  session: Session,
  browser: string,
): Promise<Completion> {
  const prepared = await issuedAnswer(ports, visit, going, decision, session, browser);
  const { code, consent, audit, answer } = prepared;
  const rows = { code, ...(consent === undefined ? {} : { consent }), audit: [audit] };
  const completion = await ports.codes.complete(rows, 'durable');
  if (completion !== 'written') return completion;
  ports.emitAudit(audit);
  ports.metrics.consents.inc({ outcome: answer.kind === 'partial' ? 'partial' : 'allowed' });
  noteIssued(ports, going, prepared);
  return completion;
}

async function refuse(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  decision: Refuse,
  session: Session,
  browser: string,
): Promise<void> {
  const { code, audit } = refusedAnswer(ports, visit, going, decision, session, browser);
  if (hasLeft(decision.reason)) {
    const ended = audited({ ...audit, event: 'grant.ended', outcome: 'success' });
    await ports.grants.endSubject(session.subject, [audit, ended], code);
    ports.emitAudit(ended);
    ports.metrics.grantsEnded.inc({ cause: 'leaver' });
  } else if ((await ports.codes.complete({ code, audit: [audit] }, 'durable')) !== 'written') return;
  ports.emitAudit(audit);
  ports.metrics.consents.inc({ outcome: decision.reason === 'denied_by_user' ? 'denied' : 'refused' });
  ports.metrics.authorizationRequests.inc({ response_type: going.request.responseType, outcome: 'access_denied' });
}
