/**
 * Sign in. The order is fixed: search, charge, bind, outcome. Known and unknown names cost the same work, meet the same
 * limits and get the same answer.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type DirectoryUser, knownClaims } from '../directory/directory.ts';
import { readQuery } from '../http/form.ts';
import { setCookie } from '../http/session-cookie.ts';
import { userAgentOf } from '../http/user-agent.ts';
import {
  type Interaction,
  interactionLifetime,
  type LoginProblem,
  type Note,
  restarted,
  sealInteraction,
} from '../interaction/sealed-request.ts';
import { pageError } from '../protocol/errors.ts';
import { isFrontChannel } from '../protocol/response-type.ts';
import type { StoredRequest } from '../store/authorization-requests.ts';
import type { Charged } from '../store/login-attempts.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { newHandle, newId } from '../tokens/handle.ts';
import { type Answerer, facts, issuedAnswer, type PreparedAnswer, refusedAnswer } from './answer.ts';
import { noteUnavailable } from './authorize.ts';
import { type Accepted, tryToSignIn } from './credentials.ts';
import { audited, type FlowPorts } from './flow.ts';
import { noteIssued } from './front-channel.ts';
import { decide, type Going, type PageSignIn } from './interaction.ts';
import { goToPage } from './own-page.ts';
import { requestField, sealText } from './pages.ts';
import { openAnyForm, type Posted, resume, withPages } from './resume.ts';
import { goTo, openVisit, type Visit } from './visit.ts';

export function mountLogin(app: FastifyInstance, ports: FlowPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/login', { config, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => resume(ports, visit, readQuery(request).parameters.get(requestField)));
  });
  app.post('/login', { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => post(ports, visit));
  });
}

async function post(ports: FlowPorts, visit: Visit): Promise<FastifyReply> {
  const posted = openAnyForm(ports, visit);
  const { parameters, interaction, browser, going } = posted;
  const again = (next: Interaction): FastifyReply => show(ports, visit, next, browser);
  if (parameters.has('restart')) return again(restarted(interaction, newId(), ports.clock.now()));
  // The page that follows says that this one was open for too long.
  if (going === undefined) return again(interaction);
  if (parameters.has('cancel')) {
    // A page of ours has nobody to tell: its form shows no Cancel.
    if (going.client === undefined) return again(interaction);
    ports.metrics.authorizationRequests.inc({ response_type: going.request.responseType, outcome: 'access_denied' });
    const cancelled: Interaction = { ...interaction, note: { kind: 'cancelled' } };
    return goTo(visit, 'continue', { [requestField]: sealText(ports, cancelled, browser) });
  }
  if (parameters.has('use-another')) return again({ ...interaction, switching: true });
  return signIn(ports, visit, going, posted);
}

function show(ports: FlowPorts, visit: Visit, interaction: Interaction, browser: string): FastifyReply {
  return goTo(visit, 'login', { [requestField]: sealText(ports, interaction, browser) });
}

async function signIn(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  { parameters, browser }: Posted<Going | PageSignIn>,
): Promise<FastifyReply> {
  const username = parameters.get('username') ?? '';
  const password = parameters.get('password') ?? '';
  const note = (problem: LoginProblem): Note => ({ kind: 'login', problem, username: username.slice(0, 256) });
  const attempt = await tryToSignIn(ports, visit, going, { username, password, browser });
  switch (attempt.outcome) {
    case 'problem':
      return show(ports, visit, { ...going.interaction, note: note(attempt.problem) }, browser);
    case 'unavailable':
      if (going.client !== undefined) noteUnavailable(ports, visit, going, attempt.directory);
      ports.metrics.logins.inc({ directory: attempt.directory, outcome: 'unavailable' });
      return show(ports, visit, { ...going.interaction, note: unreachable }, browser);
    case 'must_change': {
      const { note: _note, ...rest } = going.interaction;
      const next: Interaction = { ...rest, changing: username };
      return goTo(visit, 'password', { [requestField]: sealText(ports, next, browser) });
    }
    case 'accepted':
      return accept(ports, visit, going, attempt, browser);
  }
}

const unreachable: Note = { kind: 'unavailable', who: 'directory', retry: 'login' };

/** The password was right: the dispatcher again, then one statement for whatever it says. */
export async function accept(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  accepted: Accepted,
  browser: string,
): Promise<FastifyReply> {
  const { fresh, charged, throttleKey } = accepted;
  const { user } = fresh;
  const renews = charged.session?.subject === user.subject;
  const { session_idle, session_absolute } = visit.server.lifetimes;
  const answerer: Answerer = {
    ...answererOf(user, renews && charged.session !== null ? charged.session.id : newId()),
    endsIn: Math.min(session_idle, session_absolute),
    // An ID token that is signed before the sign-in is written says when it was.
    ...(isSignedBefore(going) ? { authTime: ports.clock.now() } : {}),
  };
  const next: Outcome =
    going.client === undefined
      ? { audit: [succeeded(visit, going, answerer, user)] }
      : await outcomeOf(ports, visit, going, accepted, answerer, browser);
  const ends = renews ? undefined : (charged.session ?? undefined);
  const audit = ends === undefined ? next.audit : [...next.audit, sessionEnded(visit, ends)];
  const handle = newHandle();
  const result = await ports.sessions.signIn({
    handle,
    browser,
    session: { ...answererOf(user, answerer.id), name: user.name, claims: knownClaims(user) },
    ...(answerer.authTime === undefined ? {} : { authTime: answerer.authTime }),
    userAgent: userAgentOf(visit.request.headers),
    renews,
    ends: ends?.id,
    idle: session_idle,
    absolute: session_absolute,
    throttleKey,
    ...(next.prepared === undefined ? {} : { code: next.prepared.code }),
    ...(next.request === undefined ? {} : { request: next.request }),
    audit,
  });
  if (!result.signedIn) throw pageError('temporarily_unavailable', 'the session ended meanwhile, sign in again');
  for (const event of audit) ports.emitAudit(event);
  if (!renews) ports.emitAudit(sessionStarted(visit, answerer));
  if (going.client !== undefined && next.prepared?.code.outcome === 'issued' && result.code === 'written') {
    noteIssued(ports, going, next.prepared);
  }
  ports.metrics.logins.inc({ directory: user.directory, outcome: 'success' });
  visit.reply.header('set-cookie', setCookie(visit.scheme, 'session', handle));
  if (going.client === undefined) return goToPage(visit, going);
  const { grantId } = going.interaction;
  const hasAnswer = result.code === 'written' || result.code === 'answered';
  if (next.prepared !== undefined && hasAnswer) {
    return goTo(visit, 'continue', { [requestField]: grantId });
  }
  const carried = result.stored ? grantId : sealText(ports, signedInNow(going, answerer).interaction, browser);
  return goTo(visit, 'consent', { [requestField]: carried });
}

/** Somebody else signed in with the same browser. */
function sessionEnded(visit: Visit, { id, subject }: NonNullable<Charged['session']>): AuditEvent {
  return audited({
    event: 'session.ended',
    outcome: 'success',
    reason: 'another_user',
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    userId: subject,
    sessionId: id,
  });
}

function sessionStarted(visit: Visit, { id, subject, username, directory }: Answerer): AuditEvent {
  return audited({
    event: 'session.started',
    outcome: 'success',
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    userId: subject,
    userName: username,
    directory,
    sessionId: id,
  });
}

function isSignedBefore({ request }: Going | PageSignIn): boolean {
  return request !== undefined && isFrontChannel(request.responseType);
}

function answererOf(
  { subject, directory, entryId, username }: DirectoryUser,
  id: string,
): Omit<Answerer, 'authTime' | 'endsIn'> {
  return { id, subject, directory, entryId, username };
}

type Outcome = { readonly audit: readonly AuditEvent[] } & (
  | { readonly prepared: PreparedAnswer; readonly request?: undefined }
  /** Without a request either: the sign-in was for a page of ours. */
  | { readonly prepared?: undefined; readonly request?: StoredRequest }
);

function succeeded(visit: Visit, going: Going | PageSignIn, answerer: Answerer, user: DirectoryUser): AuditEvent {
  const [warning] = user.warnings ?? [];
  return audited({
    ...facts(visit, going, answerer),
    event: 'login.succeeded',
    outcome: 'success',
    ...(warning === undefined ? {} : { reason: warning }),
    directoryServer: user.server,
  });
}

function signedInNow(going: Going, answerer: Answerer): Going {
  const { note: _note, switching: _switching, ...rest } = going.interaction;
  return { ...going, interaction: { ...rest, signedIn: answerer.id } };
}

async function outcomeOf(
  ports: FlowPorts,
  visit: Visit,
  from: Going,
  { fresh, charged }: Accepted,
  answerer: Answerer,
  browser: string,
): Promise<Outcome> {
  const going = signedInNow(from, answerer);
  const decision = await decide(ports, visit, going, {
    session: { authTime: ports.clock.now(), ...answerer },
    consented: charged.consented,
    progress: { signedIn: answerer.id },
    fresh,
  });
  switch (decision.step) {
    case 'issue': {
      const prepared = await issuedAnswer(ports, visit, going, decision, answerer, browser);
      ports.metrics.consents.inc({ outcome: decision.basis === 'implicit' ? 'allowed' : 'remembered' });
      const given: AuditEvent = { ...prepared.audit, event: 'login.succeeded', reason: `consent_${decision.basis}` };
      const isWarned = fresh.user.warnings !== undefined;
      // One row tells both: who signed in, and what was given for which reason. It has no room for what the directory warned of.
      return {
        prepared,
        audit: isWarned ? [succeeded(visit, going, answerer, fresh.user), prepared.audit] : [given],
      };
    }
    case 'refuse': {
      const prepared = refusedAnswer(ports, visit, going, decision, answerer, browser);
      ports.metrics.consents.inc({ outcome: 'refused' });
      return { prepared, audit: [succeeded(visit, going, answerer, fresh.user), prepared.audit] };
    }
    // Neither `login` nor `choose_account` follows a sign-in; if it ever did, the page that follows would ask again.
    case 'login':
    case 'choose_account':
    case 'unavailable':
    case 'consent': {
      const sealed = sealInteraction(ports.sealer, going.interaction, browser);
      const request = {
        id: going.interaction.grantId,
        clientUid: going.client.owner.uid,
        sealed,
        lifetime: interactionLifetime,
      };
      return { request, audit: [succeeded(visit, going, answerer, fresh.user)] };
    }
  }
}
