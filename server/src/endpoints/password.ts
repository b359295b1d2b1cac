/**
 * A new password: asked for from the account page by whoever is signed in, or wanted by the directory before a sign-in may go
 * on. One path; the second way carries its request sealed. The current password is typed again each time and kept nowhere.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readForm, readQuery } from '../http/form.ts';
import { type Interaction, type Note, type PasswordProblem, passwordProblems } from '../interaction/sealed-request.ts';
import type { Session } from '../store/sessions.ts';
import { newId } from '../tokens/handle.ts';
import { type PasswordInput, passwordPage } from '../views/index.ts';
import { type Accepted, allowsPasswordChange, type Attempt as SignInAttempt, tryToSignIn } from './credentials.ts';
import { type Going, type PageSignIn, reopenText, stateOf } from './interaction.ts';
import { accept } from './login.ts';
import { openPageForm, pageForm, requireSession, sessionOf, type Visitor } from './own-page.ts';
import { formOf, problemField, requestField, sealText, sendExpired, sendUnavailable } from './pages.ts';
import { type NewPassword, type PasswordPorts, readNewPassword, tryToChange } from './password-change.ts';
import { openAnyForm, withPages } from './resume.ts';
import { giveHandle, successorOf } from './successor-handle.ts';
import { clientText } from './texts.ts';
import { goTo, inLanguageOf, openVisit, pathOf, requireBrowser, sendPage, type Visit } from './visit.ts';

const changedField = 'changed';
const unavailableField = 'unavailable';
const formField = 'form';

export function mountPassword(app: FastifyInstance, ports: PasswordPorts): void {
  const config = { errors: 'page' } as const;
  app.get('/password', { config, exposeHeadRoute: false }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const { parameters } = readQuery(request);
    const text = parameters.get(requestField);
    return withPages(visit, () =>
      text === undefined ? showOwn(ports, visit, parameters) : showRequired(ports, visit, text),
    );
  });
  app.post('/password', { config }, (request, reply) => {
    const visit = openVisit(ports, request, reply);
    const isRequired = readForm(request).parameters.has(requestField);
    return withPages(visit, () => (isRequired ? postRequired(ports, visit) : postOwn(ports, visit)));
  });
}

async function showOwn(
  ports: PasswordPorts,
  visit: Visit,
  parameters: ReadonlyMap<string, string>,
): Promise<FastifyReply> {
  const problem = passwordProblems.find((one) => one === parameters.get(problemField));
  const query = problem === undefined ? {} : { [problemField]: problem };
  const visitor = await requireSession(ports, visit, 'password', query);
  if ('sent' in visitor) return visitor.sent;
  if (!allowsPasswordChange(visit, visitor.session.directory)) return goTo(visit, 'account', {});
  if (parameters.has(unavailableField)) {
    return sendUnavailable(visit, undefined, 'directory', { href: pathOf(visit, 'password') });
  }
  return sendPage(
    visit,
    passwordPage({
      ...visit.frame,
      form: pageForm(ports, visit, 'password', visitor, { [formField]: newId() }),
      username: visitor.session.username,
      account: pathOf(visit, 'account'),
      done: parameters.has(changedField),
      ...problemOf(problem),
    }),
  );
}

async function postOwn(ports: PasswordPorts, from: Visit): Promise<FastifyReply> {
  const form = readForm(from.request).parameters.get(formField) ?? '';
  const successor = successorOf(ports, from, form);
  let visit = from;
  const visitor = await requireSession(ports, from, 'password', {}, async () => {
    if (successor === undefined) return null;
    visit = { ...from, handle: successor };
    const session = await sessionOf(ports, visit);
    return session !== null && (await ports.changes.read(formKey(session, form))).used ? session : null;
  });
  if ('sent' in visitor) return visitor.sent;
  const parameters = openPageForm(ports, visit, 'password', visitor);
  // Another session's form: what was typed there is somebody else's, perhaps.
  if (parameters === undefined || successor === undefined) return goTo(visit, 'password', {});
  const given = visit !== from;
  if (given) giveHandle(visit, successor);
  if (!allowsPasswordChange(visit, visitor.session.directory)) return goTo(visit, 'account', {});
  const typed = readNewPassword(parameters);
  if (typeof typed === 'string') return goTo(visit, 'password', { [problemField]: typed });
  return changeOwn(ports, visit, visitor, typed, {
    key: formKey(visitor.session, form),
    successor,
    given,
  });
}

const formKey = ({ id }: Pick<Session, 'id'>, form: string): string => `${id} ${form}`;

async function changeOwn(
  ports: PasswordPorts,
  visit: Visit,
  { session, browser }: Visitor,
  typed: NewPassword,
  form: { readonly key: string; readonly successor: string; readonly given: boolean },
): Promise<FastifyReply> {
  const { key, successor, given } = form;
  const attempt = await tryToChange(ports, visit, {
    find: (signal) => ports.directory.findAgain(session, signal),
    typed,
    browser,
    form: key,
    session: { id: session.id, subject: session.subject, successor },
  });
  switch (attempt.outcome) {
    case 'used':
      // It went on while this was asked; or the browser has its new handle, and came back to the form with it.
      if (!given && (await sessionOf(ports, { ...visit, handle: successor })) !== null) giveHandle(visit, successor);
      return goTo(visit, 'password', { [changedField]: '1' });
    case 'changed':
      return goTo(visit, 'password', { [changedField]: '1' });
    case 'problem':
      return goTo(visit, 'password', { [problemField]: attempt.problem });
    case 'unavailable':
      return goTo(visit, 'password', { [unavailableField]: '1' });
  }
}

const problemOf = (code: PasswordProblem | undefined): Pick<PasswordInput, 'problem'> =>
  code === undefined ? {} : { problem: code };

/** Only who has just shown a right password gets here, in the same browser: whatever else was sealed is for another page. */
async function showRequired(ports: PasswordPorts, from: Visit, text: string): Promise<FastifyReply> {
  const browser = requireBrowser(from);
  const reopened = reopenText(ports, from, text, browser);
  if (reopened.outcome === 'expired') return sendExpired(ports, from, reopened.interaction, browser);
  const { going } = reopened;
  const { note, ...rest } = going.interaction;
  if (rest.changing === undefined) return goTo(from, 'login', { [requestField]: text });
  if (going.client !== undefined && (await stateOf(ports, from, going)).answered) {
    return goTo(from, 'continue', { [requestField]: rest.grantId });
  }
  const visit = inLanguageOf(from, going.request?.uiLocales);
  if (note?.kind === 'unavailable') {
    const href = pathOf(visit, 'password', { [requestField]: sealText(ports, rest, browser) });
    return sendUnavailable(visit, going.client?.value.client_name, note.who, { href });
  }
  return sendPage(
    visit,
    passwordPage({
      ...visit.frame,
      form: formOf(ports, visit, 'password', rest, browser),
      username: rest.changing,
      required: going.client === undefined ? {} : { client: clientText(visit, going.client.value) },
      ...problemOf(note?.kind === 'password' ? note.problem : undefined),
    }),
  );
}

async function postRequired(ports: PasswordPorts, visit: Visit): Promise<FastifyReply> {
  const { parameters, interaction, browser, going } = openAnyForm(ports, visit);
  const to = (page: 'login' | 'password' | 'continue', next: Interaction): FastifyReply =>
    goTo(visit, page, { [requestField]: sealText(ports, next, browser) });
  // The page that follows says that this one was open for too long.
  if (going === undefined || interaction.changing === undefined) return to('login', interaction);
  if (parameters.has('cancel') && going.client !== undefined) {
    ports.metrics.authorizationRequests.inc({ response_type: going.request.responseType, outcome: 'access_denied' });
    return to('continue', { ...interaction, note: { kind: 'cancelled' } });
  }
  const again = (note: Note): FastifyReply => to('password', { ...going.interaction, note });
  const typed = readNewPassword(parameters);
  if (typeof typed === 'string') return again({ kind: 'password', problem: typed });
  const username = interaction.changing;
  const attempt = await tryToChange(ports, visit, {
    find: (signal) => ports.directory.find(username, signal),
    typed,
    browser,
    form: interaction.grantId,
    clientUid: going.client?.owner.uid,
  });
  const { changing: _changing, ...rest } = going.interaction;
  switch (attempt.outcome) {
    case 'changed':
      return goOn(ports, visit, { ...going, interaction: rest }, { username, password: typed.next, browser });
    // The answer to the first of the two may have been lost, its cookie with it: whoever has a session goes on.
    case 'used':
      return to('login', rest);
    case 'problem':
      return again({ kind: 'password', problem: attempt.problem });
    case 'unavailable':
      return again({ kind: 'unavailable', who: 'directory', retry: 'login' });
  }
}

/** A sign-in like any other, with the new password: whatever else stands against the account still does. */
async function goOn(
  ports: PasswordPorts,
  visit: Visit,
  going: Going | PageSignIn,
  typed: { readonly username: string; readonly password: string; readonly browser: string },
): Promise<FastifyReply> {
  const { username, browser } = typed;
  const attempt = await tryToSignIn(ports, visit, going, typed);
  if (attempt.outcome === 'accepted') return accept(ports, visit, going, attempt, browser);
  const note = noteOf(attempt, username);
  return goTo(visit, 'login', { [requestField]: sealText(ports, { ...going.interaction, note }, browser) });
}

function noteOf(attempt: Exclude<SignInAttempt, Accepted>, username: string): Note {
  switch (attempt.outcome) {
    case 'problem':
      return { kind: 'login', problem: attempt.problem, username };
    case 'unavailable':
      return { kind: 'unavailable', who: 'directory', retry: 'login' };
    // The server that was asked has not heard of the change: the person signs in once more.
    case 'must_change':
      return { kind: 'login', username };
  }
}
