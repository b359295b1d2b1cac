/**
 * Sign in. The order is fixed: search, charge, bind, outcome. Known and unknown names cost the same work, meet the same
 * limits and get the same answer.
 */

import type { FastifyInstance, FastifyReply } from 'fastify';
import {
  type AuthenticationOutcome,
  type Candidate,
  DirectoryUnavailable,
  type DirectoryUser,
  knownClaims,
} from '../directory/directory.ts';
import { departureOf } from '../http/departure.ts';
import { readQuery } from '../http/form.ts';
import { setCookie } from '../http/session-cookie.ts';
import {
  type Interaction,
  interactionLifetime,
  type LoginProblem,
  type Note,
  restarted,
  sealInteraction,
} from '../interaction/sealed-request.ts';
import { pageError } from '../protocol/errors.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { StoredRequest } from '../store/authorization-requests.ts';
import type { Charged } from '../store/login-attempts.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { newHandle, newId } from '../tokens/handle.ts';
import { type Answerer, facts, issuedAnswer, type PreparedAnswer, refusedAnswer } from './answer.ts';
import { noteUnavailable } from './authorize.ts';
import { audited, type FlowPorts } from './flow.ts';
import { type Decision, decide, type FreshEntry, type Going } from './interaction.ts';
import { requestField, sealText } from './pages.ts';
import { openForm, type Posted, resume, withPages } from './resume.ts';
import { goTo, openVisit, type Visit } from './visit.ts';

export function mountLogin(app: FastifyInstance, ports: FlowPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/login', { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => resume(ports, visit, readQuery(request).parameters.get(requestField)));
  });
  app.post('/login', { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    return withPages(visit, () => post(ports, visit));
  });
}

async function post(ports: FlowPorts, visit: Visit): Promise<FastifyReply> {
  const posted = openForm(ports, visit);
  const { parameters, interaction, browser, going } = posted;
  const again = (next: Interaction): FastifyReply => show(ports, visit, next, browser);
  if (parameters.has('restart')) return again(restarted(interaction, newId(), ports.clock.now()));
  // The page that follows says that this one was open for too long.
  if (going === undefined) return again(interaction);
  if (parameters.has('cancel')) {
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
  going: Going,
  { parameters, browser }: Posted,
): Promise<FastifyReply> {
  const username = parameters.get('username') ?? '';
  const password = parameters.get('password') ?? '';
  const note = (problem: LoginProblem): Note => ({ kind: 'login', problem, username: username.slice(0, 256) });
  const attempt = await tryToSignIn(ports, visit, going, { username, password, browser });
  switch (attempt.outcome) {
    case 'problem':
      return show(ports, visit, { ...going.interaction, note: note(attempt.problem) }, browser);
    case 'unavailable':
      noteUnavailable(ports, visit, going, attempt.directory);
      ports.metrics.logins.inc({ directory: attempt.directory, outcome: 'unavailable' });
      return show(ports, visit, { ...going.interaction, note: unreachable }, browser);
    case 'accepted':
      return accept(ports, visit, going, attempt, browser);
  }
}

const unreachable: Note = { kind: 'unavailable', who: 'directory', retry: 'login' };

interface Accepted {
  readonly outcome: 'accepted';
  readonly fresh: FreshEntry;
  readonly charged: Charged;
  readonly throttleKey: string;
}

type Attempt =
  | Accepted
  | { readonly outcome: 'problem'; readonly problem: LoginProblem }
  | { readonly outcome: 'unavailable'; readonly directory: string };

interface Typed {
  readonly username: string;
  readonly password: string;
  readonly browser: string;
}

/** What no directory is asked about: what cannot be a name or a password never reaches one. */
function typingProblem({ username, password }: Typed): LoginProblem | null {
  if (username === '') return 'username_missing';
  if (password === '') return 'password_missing';
  if (username.length > 256 || password.length > 128 || /\p{Cc}/u.test(username)) return 'credentials';
  return null;
}

async function tryToSignIn(ports: FlowPorts, visit: Visit, going: Going, typed: Typed): Promise<Attempt> {
  const problem = typingProblem(typed);
  if (problem !== null) return { outcome: 'problem', problem };
  try {
    return await searchChargeBind(ports, visit, going, typed);
  } catch (error) {
    if (error instanceof DirectoryUnavailable) return { outcome: 'unavailable', directory: error.directory };
    throw error;
  }
}

async function searchChargeBind(ports: FlowPorts, visit: Visit, going: Going, typed: Typed): Promise<Attempt> {
  const signal = departureOf(visit.reply);
  const askedAt: EpochSeconds = ports.clock.now();
  const candidate = await ports.directory.find(typed.username, signal);
  const charged = await ports.attempts.charge({
    address: visit.source.address,
    limitFactor: visit.source.limitFactor,
    throttleKey: candidate.throttleKey,
    subject: candidate.known ? candidate.user.subject : undefined,
    clientUid: going.client.owner.uid,
    handle: visit.handle,
    browser: typed.browser,
  });
  if (!charged.allowed) return throttled(ports, visit, going, candidate, charged);
  const outcome = await ports.directory.authenticate(candidate, typed.password, signal);
  const user = userNow(candidate, outcome);
  const problem = problemOf(user, outcome);
  if (problem !== null || user === null) return rejected(ports, visit, going, candidate, problem ?? 'credentials');
  return {
    outcome: 'accepted',
    fresh: { user, askedAt },
    charged,
    throttleKey: candidate.throttleKey,
  };
}

/** The entry as the directory told it last. */
function userNow(candidate: Candidate, outcome: AuthenticationOutcome): DirectoryUser | null {
  if (!candidate.known) return null;
  return outcome.outcome === 'accepted' ? (outcome.user ?? candidate.user) : candidate.user;
}

function problemOf(user: DirectoryUser | null, outcome: AuthenticationOutcome): LoginProblem | null {
  if (outcome.outcome === 'rejected') return outcome.reason;
  // The bind succeeded, so the password is confirmed, and the entry says why that is not enough.
  return user !== null && user.account !== 'active' ? user.account : null;
}

function throttled(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  candidate: Candidate,
  { limiter = 'login_account' }: Charged,
): Attempt {
  // Nothing was stored, so this is a line of the log alone: a flood must not fill the table.
  ports.emitAudit(failure(visit, going, candidate, limiter));
  ports.metrics.rateLimited.inc({ limiter });
  ports.metrics.logins.inc({ directory: directoryOf(candidate), outcome: 'throttled' });
  return { outcome: 'problem', problem: 'throttled' };
}

async function rejected(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  candidate: Candidate,
  problem: LoginProblem,
): Promise<Attempt> {
  const event = failure(visit, going, candidate, problem);
  await ports.attempts.failed(event);
  ports.emitAudit(event);
  ports.metrics.logins.inc({
    directory: directoryOf(candidate),
    outcome: problem === 'credentials' ? 'rejected' : problem === 'must_change_password' ? 'must_change' : problem,
  });
  return { outcome: 'problem', problem };
}

function directoryOf(candidate: Candidate): string {
  return (candidate.known ? candidate.user.directory : candidate.directory) ?? 'none';
}

/** Names the directory's user, never what was typed. */
function failure(visit: Visit, { client, interaction }: Going, candidate: Candidate, reason: string): AuditEvent {
  return audited({
    event: 'login.failed',
    outcome: 'refused',
    reason,
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    directory: directoryOf(candidate),
    ...(candidate.known
      ? {
          userId: candidate.user.subject,
          userName: candidate.user.username,
          directoryServer: candidate.user.server,
        }
      : {}),
    clientId: client.value.client_id,
    clientUid: client.owner.uid,
    grantId: interaction.grantId,
  });
}

/** The password was right: the dispatcher again, then one statement for whatever it says. */
async function accept(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  { fresh, charged, throttleKey }: Accepted,
  browser: string,
): Promise<FastifyReply> {
  const { user } = fresh;
  const renews = charged.session?.subject === user.subject;
  const answerer = answererOf(user, renews && charged.session !== null ? charged.session.id : newId());
  const { note: _note, switching: _switching, ...rest } = going.interaction;
  const signedIn: Going = { ...going, interaction: { ...rest, signedIn: answerer.id } };
  const decision = await decide(ports, visit, signedIn, {
    session: { ...answerer, authTime: ports.clock.now() },
    consented: charged.consented,
    progress: { signedIn: answerer.id },
    fresh,
  });
  const next = outcomeOf(ports, visit, signedIn, decision, answerer, browser, user);
  const handle = newHandle();
  const { session_idle, session_absolute } = visit.server.lifetimes;
  const result = await ports.sessions.signIn({
    handle,
    browser,
    session: { ...answerer, name: user.name, claims: knownClaims(user) },
    renews,
    ends: renews ? undefined : charged.session?.id,
    idle: session_idle,
    absolute: session_absolute,
    throttleKey,
    ...(next.prepared === undefined ? { request: next.request } : { code: next.prepared.code }),
    audit: next.audit,
  });
  if (!result.signedIn) throw pageError('temporarily_unavailable', 'the session ended meanwhile, sign in again');
  for (const event of next.audit) ports.emitAudit(event);
  ports.metrics.logins.inc({ directory: user.directory, outcome: 'success' });
  visit.reply.header('set-cookie', setCookie(visit.scheme, 'session', handle));
  const { grantId } = going.interaction;
  if (next.prepared !== undefined && result.code !== 'too_many') {
    return goTo(visit, 'continue', { [requestField]: grantId });
  }
  const carried = result.stored ? grantId : sealText(ports, signedIn.interaction, browser);
  return goTo(visit, 'consent', { [requestField]: carried });
}

function answererOf({ subject, directory, entryId, username }: DirectoryUser, id: string): Answerer {
  return { id, subject, directory, entryId, username };
}

type Outcome = { readonly audit: readonly AuditEvent[] } & (
  | { readonly prepared: PreparedAnswer; readonly request?: undefined }
  | { readonly prepared?: undefined; readonly request: StoredRequest }
);

function outcomeOf(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  decision: Decision,
  answerer: Answerer,
  browser: string,
  user: DirectoryUser,
): Outcome {
  const succeeded = audited({
    ...facts(visit, going, answerer),
    event: 'login.succeeded',
    outcome: 'success',
    directoryServer: user.server,
  });
  switch (decision.step) {
    case 'issue': {
      const prepared = issuedAnswer(ports, visit, going, decision, answerer, browser);
      ports.metrics.consents.inc({ outcome: decision.basis === 'implicit' ? 'allowed' : 'remembered' });
      // One row tells both: who signed in, and what was given for which reason.
      return {
        prepared,
        audit: [{ ...prepared.audit, event: 'login.succeeded', reason: `consent_${decision.basis}` }],
      };
    }
    case 'refuse': {
      const prepared = refusedAnswer(ports, visit, going, decision, answerer, browser);
      ports.metrics.consents.inc({ outcome: 'refused' });
      return { prepared, audit: [succeeded, prepared.audit] };
    }
    // `login` cannot follow a sign-in; if it ever did, the page that follows would ask again.
    case 'login':
    case 'unavailable':
    case 'consent': {
      const sealed = sealInteraction(ports.sealer, going.interaction, browser);
      const request = {
        id: going.interaction.grantId,
        clientUid: going.client.owner.uid,
        sealed,
        lifetime: interactionLifetime,
      };
      return { request, audit: [succeeded] };
    }
  }
}
