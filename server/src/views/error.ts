/** What went wrong, in the words of the person in front of it, with the one step that helps. */
import type { ErrorCode, PageError } from '../protocol/errors.ts';
import { type HtmlValue, html, type SafeHtml } from './html.ts';
import { isOwnPath, leadsToApplication, ownHref, wayOnHref } from './links.ts';
import { type Language, name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage } from './page.ts';
import { type ScopeText, scopeList } from './scopes.ts';

/** A step on our side: a form that posts, or a link to a path of ours. */
export type Step = Form | { readonly href: string };

export interface ErrorInput extends Frame {
  /** `data-error`. A code without words of its own is shown as a mistake of the application. */
  readonly code: ErrorCode | PageError;
  /** The request's id, as in the log. */
  readonly reference: string;
  /** Constant text for developers, English; never what a request held. */
  readonly description?: string | undefined;
  /** The application, once it is known. */
  readonly client?: ClientText | undefined;
  /** The way back to it: a matched redirect URI with the error in its parameters, its home page, or a page of ours. */
  readonly backTo?: string | undefined;
  /** `access_denied`: what was asked for. */
  readonly scopes?: readonly ScopeText[] | undefined;
  /** `temporarily_unavailable`: who does not answer. Default `us`. */
  readonly unavailable?: 'directory' | 'us' | undefined;
  /** `cookie_missing`: our host. */
  readonly host?: string | undefined;
  /** `temporarily_unavailable`: the same request once more. */
  readonly retry?: Step | undefined;
  /** `request_expired`: the same request from its start. */
  readonly restart?: Step | undefined;
  /** `logout_failed`: signs out all the same. */
  readonly signOut?: Form | undefined;
}

interface Words {
  readonly heading: string;
  readonly text?: SafeHtml | undefined;
  readonly step?: SafeHtml | undefined;
  /** Shown folded together with what a developer needs. */
  readonly forDevelopers?: boolean;
}

export function errorPage(input: ErrorInput): string {
  const { heading, text, step, forDevelopers } = (wordsByCode.get(input.code) ?? badLink)(input);
  return renderPage(input, {
    name: 'error',
    error: input.code,
    problem: true,
    title: heading,
    heading: html`${heading}`,
    body: html`${text && html`<p>${text}</p>\n`}${step}${forDevelopers === true ? developers(input) : reference(input)}`,
  });
}

const wordsByCode: ReadonlyMap<ErrorInput['code'], (input: ErrorInput) => Words> = new Map([
  ['access_denied', accessDenied],
  ['temporarily_unavailable', unavailable],
  ['request_expired', requestExpired],
  ['cookie_missing', cookieMissing],
  ['already_answered', alreadyAnswered],
  ['logout_failed', logoutFailed],
  ['not_found', ({ language }) => ({ heading: language.text('error.not_found.heading') })],
  ['server_error', ({ language }) => ({ heading: language.text('error.server_error.heading') })],
]);

/** `invalid_request`, `unauthorized_client`, `invalid_client`, `unsupported_response_type`, `invalid_scope` and the like. */
function badLink(input: ErrorInput): Words {
  return {
    heading: input.language.text('error.bad-link.heading'),
    text: input.language.say('error.bad-link.text'),
    step: back(input),
    forDevelopers: true,
  };
}

function accessDenied(input: ErrorInput): Words {
  const { language, client, scopes = [] } = input;
  const named = client !== undefined && scopes.length > 0;
  return {
    heading: language.text('error.access_denied.heading'),
    text: named
      ? language.say('error.access_denied.text', {
          client: name(client.name),
          scopes: scopeList(language, scopes),
        })
      : language.say('error.access_denied.directory'),
    step: back(input, 'error.access_denied.back-to'),
  };
}

function unavailable(input: ErrorInput): Words {
  const { language } = input;
  return {
    heading: language.text(
      input.unavailable === 'directory' ? 'error.unavailable.directory' : 'error.unavailable.busy',
    ),
    text: language.say('error.unavailable.text'),
    step: step('retry', language.say('error.unavailable.retry'), input.retry),
  };
}

function requestExpired({ language, restart }: ErrorInput): Words {
  return {
    heading: language.text('error.request_expired.heading'),
    text: restart && language.say('error.request_expired.text'),
    step: step('restart', language.say('error.request_expired.restart'), restart),
  };
}

function cookieMissing({ language, client, host }: ErrorInput): Words {
  const heading = language.text('error.cookie_missing.heading');
  if (host === undefined) return { heading };
  const text =
    client === undefined
      ? language.say('error.cookie_missing.text-unknown-client', { host: name(host) })
      : language.say('error.cookie_missing.text', { host: name(host), client: name(client.name) });
  return { heading, text };
}

function alreadyAnswered(input: ErrorInput): Words {
  return { heading: input.language.text('error.already_answered.heading'), step: back(input) };
}

function logoutFailed({ language, signOut }: ErrorInput): Words {
  return {
    heading: language.text('error.logout_failed.heading'),
    text: language.say('error.logout_failed.text'),
    step: step('sign-out', language.say('error.logout_failed.sign-out'), signOut),
    forDevelopers: true,
  };
}

function back(
  { language, client, backTo }: ErrorInput,
  key: 'error.back-to' | 'error.access_denied.back-to' = 'error.back-to',
): SafeHtml | undefined {
  // An error page must not fail in its turn: a way that may not be shown is left out.
  if (backTo === undefined || !(isOwnPath(backTo) || leadsToApplication(backTo))) return undefined;
  const text = client === undefined ? language.say('error.back') : language.say(key, { client: name(client.name) });
  return html`<p class="buttons"><a class="button main" id="back" href="${wayOnHref(backTo)}">${text}</a></p>\n`;
}

function step(id: 'retry' | 'restart' | 'sign-out', text: SafeHtml, way: Step | undefined): SafeHtml | undefined {
  if (way === undefined) return undefined;
  if ('href' in way) {
    return html`<p class="buttons"><a class="button main" id="${id}" href="${ownHref(way.href)}">${text}</a></p>\n`;
  }
  return html`<form method="post" action="${ownHref(way.action)}">
${hiddenFields(way)}<p class="buttons"><button class="main" id="${id}" name="${id}" value="1">${text}</button></p>
</form>
`;
}

function reference({ language, code, reference: id }: ErrorInput): SafeHtml {
  return html`<p class="fine reference"><span>${referenceLine(language, id)}</span> <code>${code}</code></p>`;
}

function developers({ language, code, description, reference: id }: ErrorInput): HtmlValue {
  return html`<details>
<summary>${language.say('error.for-developers')}</summary>
<p><code>${code}</code></p>
${description !== undefined && html`<p lang="en" dir="ltr">${description}</p>\n`}<p>${referenceLine(language, id)}</p>
</details>`;
}

function referenceLine(language: Language, id: string): SafeHtml {
  return language.say('page.reference', { id: html`<code>${id}</code>` });
}
