/** May this application have this access? And: it got less than it asked for. */
import { html, type SafeHtml } from './html.ts';
import { httpsHref, ownHref, wayOnHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, clientLogo, type Form, type Frame, hiddenFields, renderPage, requestForm } from './page.ts';
import { type ClaimText, claimsEntry, type RequestedScope, type ScopeText, scopeEntry, scopeList } from './scopes.ts';

export interface ConsentInput extends Frame {
  /** Posts `decision` = `allow` or `deny`, or `use-another` = `1`. */
  readonly form: Form;
  readonly client: ClientText & {
    /** The namespace that declares it: who runs it. */
    readonly namespace: string;
    /** `https` or not shown. */
    readonly policyUri?: string | undefined;
    readonly tosUri?: string | undefined;
  };
  /** Where the person will go back to, from `placeOf`. */
  readonly host: string;
  readonly user: { readonly name: string; readonly username: string };
  readonly scopes: readonly RequestedScope[];
  /** Claims that it asks for by name, beside those of the scopes. */
  readonly claims?: readonly ClaimText[] | undefined;
  /** Until when an Allow is remembered (epoch seconds); left out: it is not. */
  readonly rememberedUntil?: number | undefined;
}

export function consentPage(input: ConsentInput): string {
  const { language, client, user } = input;
  return renderPage(input, {
    name: 'consent',
    title: language.text('consent.heading', { client: client.name }),
    heading: language.say('consent.heading', { client: name(client.name) }),
    before: clientLogo(client),
    carriesRequest: true,
    body: html`<p>${language.say('consent.signed-in-as', { name: name(user.name), username: name(user.username) })}</p>
<p>${language.say('consent.run-by', { client: name(client.name), namespace: name(client.namespace), host: name(input.host) })}</p>
<h2 id="wants">${language.say('consent.wants')}</h2>
<ul class="scopes" aria-labelledby="wants">
${input.scopes.map((scope) => scopeEntry(language, scope))}${claimsEntry(language, input.claims ?? [])}</ul>
${remembered(input)}${documents(input)}<form id="${requestForm}" method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}<p class="decision"><button id="allow" name="decision" value="allow">${language.say('consent.allow')}</button>
<button id="deny" name="decision" value="deny">${language.say('consent.deny')}</button></p>
<p class="buttons"><button class="quiet" id="use-another" name="use-another" value="1">${language.say('consent.use-another')}</button></p>
</form>`,
  });
}

function remembered({ language, rememberedUntil }: ConsentInput): SafeHtml | undefined {
  if (rememberedUntil === undefined) return undefined;
  return html`<p class="fine">${language.say('consent.remembered', { date: language.date(rememberedUntil) })}</p>\n`;
}

/** What the application says about itself elsewhere. */
export function documents({ language, client }: Pick<ConsentInput, 'language' | 'client'>): SafeHtml | undefined {
  const links = [
    { href: httpsHref(client.policyUri), text: language.say('consent.policy') },
    { href: httpsHref(client.tosUri), text: language.say('consent.terms') },
  ].flatMap(({ href, text }) =>
    href === undefined ? [] : [html`<a href="${href}" rel="noopener noreferrer">${text}</a>\n`],
  );
  return links.length === 0 ? undefined : html`<p class="documents">${links}</p>\n`;
}

export interface ConsentPartialInput extends Frame {
  readonly client: ClientText;
  /** What the directory refused; never empty. */
  readonly refused: readonly ScopeText[];
  /** The authorization response (the matched redirect URI with its parameters), or a path of ours that leads to it. */
  readonly continueTo: string;
}

/** No step by itself: it must be readable. */
export function consentPartialPage(input: ConsentPartialInput): string {
  const { language, client, refused } = input;
  const values = { client: name(client.name), scopes: scopeList(language, refused) };
  return renderPage(input, {
    name: 'consent-partial',
    title: language.text('consent-partial.heading'),
    heading: language.say('consent-partial.heading'),
    body: html`<p>${language.say('consent-partial.text', values)}</p>
<p class="buttons"><a class="button main" id="continue" href="${wayOnHref(input.continueTo)}">${language.say('consent-partial.continue', values)}</a></p>`,
  });
}
