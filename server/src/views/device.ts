/** A device asks for access (RFC 8628 §3.3): enter its code, confirm that it is yours, and what became of it. */
import type { ConsentInput } from './consent.ts';
import { documents } from './consent.ts';
import { html, type SafeHtml } from './html.ts';
import { httpsHref, ownHref } from './links.ts';
import { type Language, name } from './messages.ts';
import { type ClientText, clientLogo, type Form, type Frame, hiddenFields, renderPage } from './page.ts';
import { type FieldProblem, problemSummary } from './problem.ts';
import { type RequestedScope, type ScopeText, scopeEntry, scopeList } from './scopes.ts';

export type DeviceProblem =
  | { readonly code: 'user_code_missing' | 'user_code_rejected' }
  | { readonly code: 'too_many_tries'; readonly minutes: number };

export interface DeviceInput extends Frame {
  /** Posts `user_code`. */
  readonly form: Form;
  /** What was typed before. */
  readonly userCode?: string | undefined;
  readonly problem?: DeviceProblem | undefined;
}

export function devicePage(input: DeviceInput): string {
  const { language, userCode = '' } = input;
  const problem = input.problem === undefined ? undefined : fieldProblem(language, input.problem);
  const wrong = problem?.field !== undefined;
  return renderPage(input, {
    name: 'device',
    title: language.text('device.heading'),
    heading: language.say('device.heading'),
    problem: problem !== undefined,
    before: problemSummary(language, problem === undefined ? [] : [problem]),
    body: html`${warning(language)}<p>${language.say('device.enter')}</p>
<form method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}<p class="field"><label for="user_code">${language.say('device.code')}</label>
<span class="fine" id="user_code-hint">${language.say('device.hint')}</span>
${wrong && html`<span class="wrong" id="user_code-problem">${problem.text}</span>\n`}<input id="user_code" name="user_code" type="text" dir="ltr" autocomplete="off" autocapitalize="characters" spellcheck="false" value="${userCode}" required aria-describedby="user_code-hint${wrong && ' user_code-problem'}"${wrong && html` aria-invalid="true"`}${problem === undefined && html` autofocus`}></p>
<p class="buttons"><button class="main" id="continue" name="continue" value="1">${language.say('device.continue')}</button></p>
</form>`,
  });
}

/** Fraudsters send codes of devices of their own: whoever reads this must know before there is anything to press. */
function warning(language: Language): SafeHtml {
  return html`<p class="note" role="note"><strong>${language.say('device.warning.nobody')}</strong> ${language.say('device.warning.text')}</p>
`;
}

function fieldProblem(language: Language, problem: DeviceProblem): FieldProblem {
  if (problem.code === 'too_many_tries') {
    return { text: language.text('problem.too_many_tries', { minutes: problem.minutes }) };
  }
  return { text: language.text(`problem.${problem.code}`), field: 'user_code' };
}

export interface DeviceConfirmInput extends Frame {
  /** Posts `decision` = `deny` or `allow`, or `use-another` = `1`. */
  readonly form: Form;
  readonly client: ConsentInput['client'];
  readonly user: ConsentInput['user'];
  readonly scopes: readonly RequestedScope[];
  /** As the device shows it. */
  readonly userCode: string;
  /** Seconds since the device asked. */
  readonly age: number;
  /** The network that it asked from, compared with the person's own; `unknown`: nobody vouches for addresses. */
  readonly place: { readonly place: 'same' | 'unknown' } | { readonly place: 'other'; readonly network: string };
}

export function deviceConfirmPage(input: DeviceConfirmInput): string {
  const { language, client, user, place } = input;
  const client_ = name(client.name);
  const network = place.place === 'other' ? name(place.network) : '';
  return renderPage(input, {
    name: 'device-confirm',
    title: language.text('device-confirm.heading', { client: client.name }),
    heading: language.say('device-confirm.heading', { client: client_ }),
    before: clientLogo(client),
    body: html`${warning(language)}<p>${language.say('device-confirm.code', { code: codeText(input.userCode) })}</p>
<p>${language.say('device-confirm.asked', { ago: language.ago(input.age), place: place.place, network })}</p>
<p>${language.say('consent.signed-in-as', { name: name(user.name), username: name(user.username) })}</p>
<p>${language.say('device-confirm.run-by', { client: client_, namespace: name(client.namespace) })}</p>
<h2 id="wants">${language.say('consent.wants')}</h2>
<ul class="scopes" aria-labelledby="wants">
${input.scopes.map((scope) => scopeEntry(language, scope, 'device-confirm'))}</ul>
${documents(input)}<form method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}<p class="decision"><button id="deny" name="decision" value="deny">${language.say('device-confirm.deny')}</button>
<button id="allow" name="decision" value="allow">${language.say('device-confirm.allow')}</button></p>
<p class="buttons"><button class="quiet" id="use-another" name="use-another" value="1">${language.say('consent.use-another')}</button></p>
</form>`,
  });
}

/** Letters from left to right in every language. */
function codeText(code: string): SafeHtml {
  return html`<strong class="user-code" dir="ltr">${code}</strong>`;
}

export type DeviceDoneInput = Frame &
  (
    | {
        readonly outcome: 'connected';
        readonly client: ClientText;
        readonly scopes: readonly ScopeText[];
        /** What the directory does not allow. */
        readonly refused: readonly ScopeText[];
        /** Path of the account page. */
        readonly account: string;
      }
    | { readonly outcome: 'stopped' }
  );

export function deviceDonePage(input: DeviceDoneInput): string {
  const { language } = input;
  const key = input.outcome === 'connected' ? 'device-done.connected' : 'device-done.stopped';
  return renderPage(input, {
    name: 'device-done',
    title: language.text(`${key}.heading`),
    heading: language.say(`${key}.heading`),
    body:
      input.outcome === 'connected'
        ? connected(input)
        : html`<p>${language.say('device-done.stopped.text', { help: help(input) })}</p>`,
  });
}

function connected(input: Extract<DeviceDoneInput, { outcome: 'connected' }>): SafeHtml {
  const { language, client, scopes, refused } = input;
  const client_ = name(client.name);
  const lost =
    refused.length > 0 &&
    html`<p>${language.say('consent-partial.text', { client: client_, scopes: scopeList(language, refused) })}</p>\n`;
  const text = language.say('device-done.connected.text', { client: client_, scopes: scopeList(language, scopes) });
  const link = (chunk: SafeHtml): SafeHtml => html`<a id="account" href="${ownHref(input.account)}">${chunk}</a>`;
  return html`${lost}<p>${text}</p>
<p>${language.say('device-done.mistake', { account: link(language.say('device-done.account')) })}</p>`;
}

function help({ language, branding }: Frame): SafeHtml {
  const href = httpsHref(branding?.links?.help);
  const text = language.say('device-done.help');
  return href === undefined ? text : html`<a href="${href}" rel="noopener noreferrer">${text}</a>`;
}
