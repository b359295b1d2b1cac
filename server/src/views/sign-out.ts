/** Sign out? And: it is done, with what the applications of the session have to load in this browser. */
import { html, type SafeHtml } from './html.ts';
import { frameHref, ownHref, redirectHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage } from './page.ts';

export interface SignOutInput extends Frame {
  /** Posts `sign-out` or `stay` = `1`. */
  readonly form: Form;
  readonly user: { readonly name: string };
  /** Applications that will hear of it; may be empty. */
  readonly clients: readonly ClientText[];
}

export function signOutPage(input: SignOutInput): string {
  const { language, user, clients, form } = input;
  const others = language.list(
    clients.map((client) => client.name),
    'conjunction',
  );
  return renderPage(input, {
    name: 'sign-out',
    title: language.text('sign-out.heading'),
    heading: language.say('sign-out.heading'),
    body: html`<p>${language.say('sign-out.signed-in-as', { name: name(user.name) })}${
      clients.length > 0 && html` ${language.say('sign-out.clients', { clients: others })}`
    }</p>
<form method="post" action="${ownHref(form.action)}">
${hiddenFields(form)}<p class="decision"><button id="sign-out" name="sign-out" value="1">${language.say('sign-out.sign-out')}</button>
<button id="stay" name="stay" value="1">${language.say('sign-out.stay')}</button></p>
</form>`,
  });
}

export interface SignedOutInput extends Frame {
  /** Loaded unseen, each a `frontchannel_logout_uri` with `iss` and `sid`; `https`, or `http` on loopback, or left out. */
  readonly frames: readonly { readonly src: string; readonly client: ClientText }[];
  /** Applications that were called in vain so far; only when that is known. */
  readonly unreached: readonly ClientText[];
  /** The application, and where its link leads. `goesOn`: the page also goes there by itself, once its frames were loaded. */
  readonly back?: { readonly client: ClientText; readonly uri: string; readonly goesOn: boolean } | undefined;
  /** Path of ours where somebody can sign in again, when there is no way back. */
  readonly signInAgain: string;
}

export function signedOutPage(input: SignedOutInput): string {
  const { language, back, unreached } = input;
  const missing = language.list(
    unreached.map((client) => client.name),
    'conjunction',
  );
  return renderPage(input, {
    name: 'signed-out',
    title: language.text('signed-out.heading'),
    heading: language.say('signed-out.heading'),
    ...(back?.goesOn === true ? { head: goesOn(back.uri) } : {}),
    body: html`${
      unreached.length > 0 && html`<p>${language.say('signed-out.unreached', { clients: missing })}</p>\n`
    }${wayOn(input)}${frames(input)}`,
  });
}

/** The second begins when the page and its frames have loaded: that is how browsers count. */
function goesOn(uri: string): SafeHtml {
  return html`<meta http-equiv="refresh" content="1;url=${redirectHref(uri)}">\n`;
}

function wayOn({ language, back, signInAgain }: SignedOutInput): SafeHtml {
  if (back !== undefined) {
    const text = language.say('signed-out.back-to', { client: name(back.client.name) });
    return html`<p class="buttons"><a class="button main" id="back" href="${redirectHref(back.uri)}">${text}</a></p>`;
  }
  const text = language.say('signed-out.sign-in-again');
  return html`<p class="buttons"><a class="button main" id="sign-in-again" href="${ownHref(signInAgain)}">${text}</a></p>`;
}

/** Their own cookies and scripts are what they sign out with; this page, its window and its forms are none of their business. */
function frames({ language, frames: all }: SignedOutInput): readonly SafeHtml[] {
  return all.flatMap(({ src, client }) => {
    const href = frameHref(src);
    if (href === undefined) return [];
    const title = language.text('signed-out.frame', { client: client.name });
    return [
      html`\n<iframe hidden title="${title}" src="${href}" sandbox="allow-scripts allow-same-origin" referrerpolicy="no-referrer"></iframe>`,
    ];
  });
}
