/** A new password: because the person wants one, or because their directory does before the sign-in may go on. */
import { field } from './field.ts';
import { html, type SafeHtml } from './html.ts';
import { ownHref } from './links.ts';
import { type MessageKey, name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage, requestForm } from './page.ts';
import { type FieldProblem, problemSummary } from './problem.ts';

export interface PasswordInput extends Frame {
  /** Posts `current_password`, `new_password`, `new_password_again` and `change` or `cancel` (each with the value `1`). */
  readonly form: Form;
  /** Shown fixed in the form. */
  readonly username: string;
  /** The directory wants it: the form then carries the request. Without a client there is nobody to go back to. */
  readonly required?: { readonly client?: ClientText | undefined } | undefined;
  /** Path of the account page, for whoever came from there. */
  readonly account?: string | undefined;
  /** It was changed. */
  readonly done?: boolean | undefined;
  readonly problem?: PasswordProblem | undefined;
}

const words = {
  current_missing: { text: 'problem.password_current_missing', field: 'current_password' },
  new_missing: { text: 'problem.password_new_missing', field: 'new_password' },
  mismatch: { text: 'problem.password_mismatch', field: 'new_password_again' },
  same: { text: 'problem.password_same', field: 'new_password' },
  too_long: { text: 'problem.password_too_long', field: 'new_password' },
  credentials: { text: 'problem.password_current_rejected', field: 'current_password' },
  too_short: { text: 'problem.password_too_short', field: 'new_password' },
  in_history: { text: 'problem.password_in_history', field: 'new_password' },
  too_young: { text: 'problem.password_too_young', field: undefined },
  refused: { text: 'problem.password_refused', field: 'new_password' },
  not_allowed: { text: 'problem.password_not_allowed', field: undefined },
} as const satisfies Record<string, { readonly text: MessageKey; readonly field: string | undefined }>;

export type PasswordProblem = keyof typeof words | 'throttled';

export function passwordPage(input: PasswordInput): string {
  const { language, required, done } = input;
  const heading = done === true ? 'password.done' : required === undefined ? 'password.heading' : 'password.required';
  const problems = input.problem === undefined || done === true ? [] : [fieldProblem(input, input.problem)];
  return renderPage(input, {
    name: 'password',
    title: language.text(heading),
    heading: language.say(heading),
    problem: problems.length > 0,
    before: problemSummary(language, problems),
    carriesRequest: required !== undefined && done !== true,
    body: done === true ? changed(input) : html`${reason(input)}${form(input, problems)}`,
  });
}

function changed({ language, account }: PasswordInput): SafeHtml {
  return html`<p>${language.say('password.done-text')}</p>
${account !== undefined && html`<p class="buttons"><a class="button" id="account" href="${ownHref(account)}">${language.say('password.account')}</a></p>`}`;
}

function reason({ language, required }: PasswordInput): SafeHtml {
  if (required === undefined) return html`<p>${language.say('password.others')}</p>\n`;
  const { client } = required;
  return html`${
    client &&
    html`<p class="lead">${language.say('login.continue-to', { client: name(client.name) })}</p>
`
  }<p>${language.say('password.required-text')}</p>
`;
}

function form(input: PasswordInput, problems: readonly FieldProblem[]): SafeHtml {
  const { language, form, username, required, account, branding } = input;
  const line = (id: string, label: string, attributes: SafeHtml) =>
    field({ id, label, attributes, focus: false, problems });
  const fresh = html`type="password" autocomplete="new-password"`;
  // Shown, and not hidden: password managers look for it, and then offer to keep the new password for the right account.
  const usernameLabel = branding?.texts?.usernameLabel ?? language.text('login.username');
  return html`<form id="${requestForm}" method="post" action="${ownHref(form.action)}">
${hiddenFields(form)}${line('username', usernameLabel, html`type="text" autocomplete="username" value="${username}" readonly`)}${line(
  'current_password',
  language.text('password.current'),
  html`type="password" autocomplete="current-password"`,
)}${line('new_password', language.text('password.new'), fresh)}${line(
  'new_password_again',
  language.text('password.again'),
  fresh,
)}<p class="buttons"><button class="main" id="change" name="change" value="1">${language.say('password.change')}</button>
${
  required?.client !== undefined &&
  html`<button class="quiet" id="cancel" name="cancel" value="1" formnovalidate>${language.say('login.cancel')}</button>\n`
}${
  account !== undefined &&
  html`<a class="button quiet" id="back" href="${ownHref(account)}">${language.say('login.cancel')}</a>\n`
}</p>
</form>`;
}

function fieldProblem({ language }: PasswordInput, problem: PasswordProblem): FieldProblem {
  if (problem === 'throttled') return { text: language.text('problem.too_many_tries', { minutes: 1 }) };
  const { text, field } = words[problem];
  return { text: language.text(text), field };
}
