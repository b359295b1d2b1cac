/** Sign in; also: confirm that it is you (`prompt=login`, `max_age`). */
import { field } from './field.ts';
import { html, type SafeHtml } from './html.ts';
import { httpsHref, ownHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage, requestForm } from './page.ts';
import { type FieldProblem, problemSummary } from './problem.ts';

/** `account_…` and `password_expired` only after the directory confirmed the password. */
export type LoginProblem =
  | {
      readonly code:
        | 'username_missing'
        | 'password_missing'
        | 'credentials_rejected'
        | 'account_disabled'
        | 'account_expired'
        | 'account_unusable'
        | 'password_expired';
    }
  | { readonly code: 'too_many_tries'; readonly minutes: number };

export interface LoginInput extends Frame {
  /** Posts `username`, `password` and one of `sign-in`, `cancel`, `use-another` (each with the value `1`). */
  readonly form: Form;
  /** Left out: the sign-in is for a page of ours, and there is nobody to go back to with a Cancel. */
  readonly client?: ClientText | undefined;
  /** The page of ours that the sign-in is for. */
  readonly page?: 'device' | 'account' | 'password' | undefined;
  /** Where the person will go back to, from `placeOf`. */
  readonly host?: string | undefined;
  /** What was typed before, or `login_hint`. */
  readonly username?: string | undefined;
  /** Set when this person is signed in already and has to prove it again; the user name is then fixed. */
  readonly reauthentication?: { readonly name: string; readonly username: string } | undefined;
  readonly problems?: readonly LoginProblem[] | undefined;
  /** No user directory is registered: nobody can sign in, and the page says so in place of the fields. */
  readonly nobody?: boolean | undefined;
}

export function loginPage(input: LoginInput): string {
  const { language, client, page, host, reauthentication } = input;
  const problems = (input.problems ?? []).map((problem) => fieldProblem(input, problem));
  return renderPage(input, {
    name: 'login',
    title: language.text('login.heading'),
    heading: language.say('login.heading'),
    problem: problems.length > 0,
    before: problemSummary(language, problems),
    carriesRequest: input.nobody !== true || client !== undefined,
    body: html`${
      client &&
      html`<p class="lead">${language.say('login.continue-to', { client: name(client.name) })}</p>
`
    }${
      page &&
      html`<p class="lead">${language.text(`${page}.heading`)}</p>
`
    }${
      host !== undefined &&
      html`<p class="fine">${language.say('login.return', { host: name(host) })}</p>
`
    }${reauthentication && html`<p>${language.say('login.confirm', { name: name(reauthentication.name) })}</p>\n`}${
      input.nobody === true ? nobody(input) : form(input, problems)
    }${getHelp(input)}`,
  });
}

function form(input: LoginInput, problems: readonly FieldProblem[]): SafeHtml {
  const { language, reauthentication, branding } = input;
  const username = reauthentication?.username ?? input.username ?? '';
  const toFill = problems.length > 0 ? undefined : username === '' ? 'username' : 'password';
  return html`<form id="${requestForm}" method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}${field({
  id: 'username',
  label: branding?.texts?.usernameLabel ?? language.text('login.username'),
  hint: branding?.texts?.usernameHint,
  attributes: html`type="text" autocomplete="username" autocapitalize="none" spellcheck="false" value="${username}"${reauthentication && html` readonly`}`,
  focus: toFill === 'username',
  problems,
})}${field({
  id: 'password',
  label: language.text('login.password'),
  attributes: html`type="password" autocomplete="current-password"`,
  focus: toFill === 'password',
  problems,
})}<p class="buttons"><button class="main" id="sign-in" name="sign-in" value="1">${language.say('login.sign-in')}</button>
${cancel(input)}${reauthentication && html`<button class="quiet" id="use-another" name="use-another" value="1" formnovalidate>${language.say('login.use-another')}</button>\n`}</p>
</form>`;
}

function cancel({ language, client }: LoginInput): SafeHtml | undefined {
  if (client === undefined) return undefined;
  return html`<button class="quiet" id="cancel" name="cancel" value="1" formnovalidate>${language.say('login.cancel')}</button>\n`;
}

/** Fields that nobody can fill in rightly would only be guessed at. */
function nobody(input: LoginInput): SafeHtml {
  const { language } = input;
  const back = cancel(input);
  return html`<div class="note" id="no-directory" role="note">
<p><strong>${language.say('login.no-directory')}</strong> ${language.say('login.no-directory-text')}</p>
</div>
${back && html`<form id="${requestForm}" method="post" action="${ownHref(input.form.action)}">\n${hiddenFields(input.form)}<p class="buttons">${back}</p>\n</form>`}`;
}

function getHelp({ language, branding }: LoginInput): SafeHtml | undefined {
  const href = httpsHref(branding?.links?.help);
  return href === undefined
    ? undefined
    : html`\n<p class="fine documents"><a id="get-help" href="${href}" rel="noopener noreferrer">${language.say('login.help')}</a></p>`;
}

/** Where a problem belongs to one field. A refused pair is shown at the field that can still be changed. */
const fieldOf: ReadonlyMap<LoginProblem['code'], 'username' | 'password'> = new Map([
  ['username_missing', 'username'],
  ['password_missing', 'password'],
  ['credentials_rejected', 'username'],
]);

function fieldProblem({ language, reauthentication }: LoginInput, problem: LoginProblem): FieldProblem {
  if (problem.code === 'too_many_tries') {
    return { text: language.text('problem.too_many_tries', { minutes: problem.minutes }) };
  }
  const field = fieldOf.get(problem.code);
  const fixed = field === 'username' && reauthentication !== undefined;
  return { text: language.text(`problem.${problem.code}`), field: fixed ? 'password' : field };
}
