/** A person's own page: they look at, and end, their own sessions and what they gave to applications, and nobody else's. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readQuery } from '../http/form.ts';
import { browserName } from '../http/user-agent.ts';
import type { Parameters } from '../protocol/parameters.ts';
import { builtInScopes } from '../protocol/terms.ts';
import type { Account, AccountStore, Asker, OwnApplication, OwnSession } from '../store/accounts.ts';
import type { EndedSession } from '../store/ended-sessions.ts';
import {
  type AccountApplication,
  type AccountInput,
  type AccountSession,
  accountPage,
  accountQuestions,
  type ClientText,
  type QuestionForAll,
} from '../views/index.ts';
import { allowsPasswordChange } from './credentials.ts';
import { claimsOfOwners } from './interaction.ts';
import {
  openOwnQuery,
  openPageForm,
  ownQuery,
  pageForm,
  requireSession,
  switchAccount,
  type Visitor,
} from './own-page.ts';
import { finish, type LogoutPorts } from './session-end.ts';
import { clientText, scopeText } from './texts.ts';
import { goTo, openVisit, pathOf, sendPage, type Visit } from './visit.ts';

export interface AccountPorts extends LogoutPorts {
  readonly accounts: AccountStore;
}

export function mountAccount(app: FastifyInstance, ports: AccountPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/account', { config, exposeHeadRoute: false }, async (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const { parameters } = readQuery(request);
    const question = questionOf(parameters.get('ask'));
    const remove = question === undefined ? parameters.get('remove') : undefined;
    const query = { ...(question === undefined ? {} : { ask: question }), ...(remove === undefined ? {} : { remove }) };
    const visitor = await requireSession(ports, visit, 'account', query);
    if ('sent' in visitor) return visitor.sent;
    return show(ports, visit, visitor, { question, remove, parameters });
  });
  app.post('/account', { config }, async (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const visitor = await requireSession(ports, visit, 'account');
    return 'sent' in visitor ? visitor.sent : act(ports, visit, visitor);
  });
}

const questionOf = (text: string | undefined): QuestionForAll | undefined =>
  accountQuestions.find((one) => one === text);

/** What the page's query says. */
interface Shown {
  readonly question: QuestionForAll | undefined;
  /** The application that the question is about: the uid of its client. */
  readonly remove: string | undefined;
  /** What was just done is among them. */
  readonly parameters: Parameters;
}

async function show(
  ports: AccountPorts,
  visit: Visit,
  visitor: Visitor,
  { question, remove, parameters }: Shown,
): Promise<FastifyReply> {
  const { session } = visitor;
  const account: Account =
    question === undefined ? await ports.accounts.read(session.subject) : { sessions: [], applications: [] };
  const applications = account.applications.map((one) => applicationText(visit, one));
  // One that has no access any more has none to remove: the page shows what is true.
  const one = applications.find(({ id }) => id === remove);
  return sendPage(
    visit,
    accountPage({
      ...visit.frame,
      form: pageForm(ports, visit, 'account', visitor),
      user: { name: session.name, username: session.username },
      sessions: account.sessions.map((one) => sessionText(one, session.id)),
      applications,
      question: one === undefined ? question : { remove: one },
      done: doneOf(ports, visit, visitor, parameters, account),
      password: allowsPasswordChange(visit, session.directory) ? pathOf(visit, 'password') : undefined,
    }),
  );
}

/** Said only where our own redirect says it: anybody can write a link to this page. */
function doneOf(
  ports: AccountPorts,
  visit: Visit,
  visitor: Visitor,
  parameters: Parameters,
  { applications }: Account,
): AccountInput['done'] {
  const removed = openOwnQuery(ports, 'account', visitor, parameters, ['removed', 'client']);
  if (removed !== undefined) {
    const [clientUid, clientId] = [removed.removed, removed.client];
    // It was given access again since.
    if (applications.some((one) => one.clientUid === clientUid)) return undefined;
    return { removed: { client: nameOf(visit, { clientUid, clientId }) } };
  }
  return openOwnQuery(ports, 'account', visitor, parameters, ['signed-out']) && 'signed-out';
}

function sessionText({ id, userAgent, startedAt, age }: OwnSession, current: string): AccountSession {
  return { id, ...browserName(userAgent), since: startedAt, age, current: id === current };
}

/** Who somebody is comes first, then what may be done in their name. */
function byPlace(one: string, other: string): number {
  return place(one) - place(other);
}

function place(scope: string): number {
  const at = builtInScopes.findIndex((name) => name === scope);
  return at === -1 ? builtInScopes.length : at;
}

/** Whoever is not registered any more, or was made anew under the same id, is called by the id alone. */
function nameOf(visit: Visit, { clientId, clientUid }: Pick<OwnApplication, 'clientId' | 'clientUid'>): ClientText {
  const registered = visit.snapshot.client(clientId);
  return registered?.owner.uid === clientUid ? clientText(visit, registered.value) : { name: clientId };
}

function applicationText(visit: Visit, one: OwnApplication): AccountApplication {
  const { clientUid: id, since, age } = one;
  const scopes = [...one.scopes].sort(byPlace).map((scope) => scopeText(visit, scope));
  const withScopes = claimsOfOwners(visit, one.scopes);
  const claims = one.claims.filter((claim) => !withScopes.includes(claim));
  return { id, client: nameOf(visit, one), scopes, claims, since, age };
}

async function act(ports: AccountPorts, visit: Visit, visitor: Visitor): Promise<FastifyReply> {
  const parameters = openPageForm(ports, visit, 'account', visitor);
  const again = (query: Readonly<Record<string, string>> = {}): FastifyReply => goTo(visit, 'account', query);
  // Another session's form: the page shows what is true of this one.
  if (parameters === undefined) return again();
  if (parameters.has('use-another')) return switchAccount(ports, visit, 'account', visitor);
  const asked = accountQuestions.find((question) => parameters.get(question) === 'ask');
  if (asked !== undefined) return again({ ask: asked });
  const remove = parameters.get('remove');
  if (remove !== undefined && parameters.get('confirmed') !== 'yes') return again({ remove });
  if (remove !== undefined || parameters.get('remove-all') === 'yes') {
    const [client] = await endAccess(ports, visit, visitor, remove);
    // Of all of them the page says so itself.
    if (remove === undefined || client === undefined) return again();
    return again(ownQuery(ports, 'account', visitor, { removed: remove, client }));
  }
  const signOut = parameters.get('sign-out');
  if (signOut !== undefined || parameters.get('sign-out-all') === 'yes') {
    const ended = await endSessions(ports, visit, visitor, signOut);
    const own = ended.find(({ id }) => id === visitor.session.id);
    for (const one of ended) if (one !== own) tell(ports, one);
    // This browser's own: its applications may have something to load here, and it has nothing to show any more.
    if (own !== undefined) return finish(ports, visit, { startedAt: ports.clock.now() }, own, 'page');
    const [other] = ended;
    if (other !== undefined) return again(ownQuery(ports, 'account', visitor, { 'signed-out': other.id }));
  }
  return again();
}

/**
 * @param clientUid `undefined`: every application's
 * @returns ids of the clients that had access
 */
async function endAccess(
  ports: AccountPorts,
  visit: Visit,
  { session }: Visitor,
  clientUid: string | undefined,
): Promise<readonly string[]> {
  const { subject, username, directory, id } = session;
  const asker = { ...whoAsks(visit), userId: subject, userName: username, directory, sessionId: id };
  const events = await ports.accounts.endAccess(subject, clientUid, asker);
  for (const event of events) {
    ports.emitAudit(event);
    if (event.event === 'grant.ended') ports.metrics.grantsEnded.inc({ cause: 'user' });
  }
  return events.flatMap(({ clientId }) => clientId ?? []);
}

/** @param id `undefined`: every session of this user. */
async function endSessions(
  ports: AccountPorts,
  visit: Visit,
  { session: { subject } }: Visitor,
  id: string | undefined,
): Promise<readonly EndedSession[]> {
  const { sessionEnds } = ports;
  if (id === undefined) return sessionEnds.endAllOfSubject(subject, 'account_page', whoAsks(visit));
  const ended = await sessionEnds.endOfSubject(subject, id, 'account_page', whoAsks(visit));
  return ended === null ? [] : [ended];
}

function tell(ports: AccountPorts, { event, grants }: EndedSession): void {
  ports.emitAudit(event);
  ports.metrics.grantsEnded.inc({ cause: 'user' }, grants);
}

function whoAsks({ request, source }: Visit): Pick<Asker, 'requestId' | 'clientAddress'> {
  return { requestId: request.id, clientAddress: source.address };
}
