/** Where a person is signed in, and which applications have their access; every line of it can be ended here. */
import { html, type SafeHtml } from './html.ts';
import { ownHref } from './links.ts';
import { type Language, type MessageKey, name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage } from './page.ts';
import { claimList, type ScopeText, scopeList } from './scopes.ts';

export interface AccountSession {
  readonly id: string;
  /** `undefined`: not one that is known by name. */
  readonly browser: string | undefined;
  readonly system: string | undefined;
  /** Epoch seconds. */
  readonly since: number;
  /** Seconds since it was last used. */
  readonly age: number;
  /** It is the one that looks at this page. */
  readonly current: boolean;
}

export interface AccountApplication {
  /** What the form posts to end its access. */
  readonly id: string;
  readonly client: ClientText;
  readonly scopes: readonly ScopeText[];
  /** Names of the claims that it asked for beside them. */
  readonly claims?: readonly string[] | undefined;
  readonly since: number;
  readonly age: number;
}

/** What is asked once more before it happens, for all at once. */
export const accountQuestions = ['sign-out-all', 'remove-all'] as const;
export type QuestionForAll = (typeof accountQuestions)[number];
/** Or whether one application's access goes. */
export type AccountQuestion = QuestionForAll | { readonly remove: Pick<AccountApplication, 'id' | 'client'> };

const words = {
  'sign-out-all': {
    act: 'account.sign-out-all',
    question: 'account.sign-out-all.question',
    text: 'account.sign-out-all.text',
  },
  'remove-all': {
    act: 'account.remove-all',
    question: 'account.remove-all.question',
    text: 'account.remove-all.text',
  },
} as const satisfies Record<QuestionForAll, Record<string, MessageKey>>;

export interface AccountInput extends Frame {
  /**
   * Posts `sign-out` with an id, `use-another`, a {@link QuestionForAll} with `ask`, then `yes`, or `remove` with an id, then
   * with `confirmed` beside it.
   */
  readonly form: Form;
  readonly user: { readonly name: string; readonly username: string };
  readonly sessions: readonly AccountSession[];
  readonly applications: readonly AccountApplication[];
  readonly question?: AccountQuestion | undefined;
  /** What was just done: an application lost its access, or another browser was signed out. */
  readonly done?: { readonly removed: Pick<AccountApplication, 'client'> } | 'signed-out' | undefined;
  /** Path of the page for a new password, where the directory lets this user have one. */
  readonly password?: string | undefined;
}

export function accountPage(input: AccountInput): string {
  const { language, user, question } = input;
  return renderPage(input, {
    name: 'account',
    title: language.text('account.heading'),
    heading: language.say('account.heading'),
    body: html`<p>${language.say('consent.signed-in-as', { name: name(user.name), username: name(user.username) })}</p>
<form method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}${question === undefined ? lists(input) : ask(input, question)}</form>`,
  });
}

function lists({ language, sessions, applications, password, done }: AccountInput): SafeHtml {
  return html`${done !== undefined && said(language, done)}<h2 id="sessions">${language.say('account.sessions')}</h2>
<ul class="rows" aria-labelledby="sessions">
${sessions.map((session) => sessionRow(language, session))}</ul>
<p class="buttons"><button id="sign-out-all" name="sign-out-all" value="ask">${language.say('account.sign-out-all')}</button></p>
<h2 id="applications">${language.say('account.applications')}</h2>
${
  applications.length === 0
    ? html`<p class="fine">${language.say('account.no-applications')}</p>\n`
    : html`<ul class="rows" aria-labelledby="applications">
${applications.map((application) => applicationRow(language, application))}</ul>
<p class="buttons"><button id="remove-all" name="remove-all" value="ask">${language.say('account.remove-all')}</button></p>
`
}<p class="buttons">${password !== undefined && html`<a class="button" id="password" href="${ownHref(password)}">${language.say('account.password')}</a>\n`}<button class="quiet" id="use-another" name="use-another" value="1">${language.say('login.use-another')}</button></p>
`;
}

function said(language: Language, done: NonNullable<AccountInput['done']>): SafeHtml {
  const words =
    done === 'signed-out'
      ? language.say('account.signed-out')
      : language.say('account.removed', { client: name(done.removed.client.name) });
  return html`<p class="note" id="done" role="status" tabindex="-1" autofocus>${words}</p>\n`;
}

/** The question stands alone: whoever answers it has nothing else to press by mistake. */
function ask({ language, form }: AccountInput, question: AccountQuestion): SafeHtml {
  const { heading, text, button } =
    typeof question === 'string' ? askForAll(language, question) : askForOne(language, question);
  return html`<div class="note" id="question" role="group" aria-labelledby="question-heading" tabindex="-1" autofocus>
<h2 id="question-heading">${heading}</h2>
<p>${text}</p>
</div>
<p class="buttons">${button}
<a class="button quiet" id="back" href="${ownHref(form.action)}">${language.say('login.cancel')}</a></p>
`;
}

interface Asked {
  readonly heading: SafeHtml;
  readonly text: SafeHtml;
  readonly button: SafeHtml;
}

function askForAll(language: Language, question: QuestionForAll): Asked {
  const { act, question: heading, text } = words[question];
  return {
    heading: language.say(heading),
    text: language.say(text),
    button: html`<button class="main" id="${question}" name="${question}" value="yes">${language.say(act)}</button>`,
  };
}

function askForOne(language: Language, { remove }: Exclude<AccountQuestion, string>): Asked {
  return {
    heading: language.say('account.remove.question', { client: name(remove.client.name) }),
    text: language.say('account.remove.text'),
    button: html`<input type="hidden" name="confirmed" value="yes"><button class="main" id="remove" name="remove" value="${remove.id}">${language.say('account.remove')}</button>`,
  };
}

function sessionRow(language: Language, session: AccountSession): SafeHtml {
  const browser = session.browser ?? language.text('account.unknown-browser');
  const system = session.system ?? language.text('account.unknown-system');
  const values = { date: language.date(session.since), ago: language.ago(session.age) };
  const what = language.say('account.session', { browser: name(browser), system: name(system), ...values });
  return html`<li><div><p>${what}</p>
${session.current && html`<p class="badge">${language.say('account.this-browser')}</p>\n`}</div>
<button name="sign-out" value="${session.id}" aria-label="${language.text('account.sign-out-of', { browser, system })}">${language.say('account.sign-out')}</button></li>
`;
}

function applicationRow(
  language: Language,
  { id, client, scopes, claims = [], since, age }: AccountApplication,
): SafeHtml {
  const values = { date: language.date(since), ago: language.ago(age) };
  return html`<li><div><p><strong>${name(client.name)}</strong></p>
${scopes.length > 0 && html`<p>${scopeList(language, scopes)}</p>\n`}${claims.length > 0 && html`<p>${claimList(language, claims)}</p>\n`}<p class="fine">${language.say('account.used', values)}</p></div>
<button name="remove" value="${id}" aria-label="${language.text('account.remove-of', { client: client.name })}">${language.say('account.remove')}</button></li>
`;
}
