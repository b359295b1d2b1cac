/**
 * An authorization response as a form that the browser posts to the application (OAuth 2.0 Form Post Response Mode). It
 * submits itself; without scripts the person does.
 */
import { createHash } from 'node:crypto';
import { exactly, html } from './html.ts';
import { redirectHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, type Frame, renderPage } from './page.ts';

export interface FormPostInput extends Frame {
  readonly client: ClientText;
  /** The matched redirect URI. */
  readonly action: string;
  /** What is posted there, unmodified. */
  readonly fields: readonly (readonly [string, string])[];
}

/** The one script of all pages: constant, so that the page's policy can name it by its hash. */
const script = html`document.forms[0].submit()`;
export const formPostScriptHash = `sha256-${createHash('sha256').update(script.toString()).digest('base64')}`;

export function formPostPage(input: FormPostInput): string {
  const { language, client, action, fields } = input;
  const hidden = fields.map(
    ([field, value]) => html`<input type="hidden" name="${field}" value="${exactly(value)}">\n`,
  );
  // No other form stands on this page: the policy would not hold it back, and the script takes the first.
  return renderPage(
    { ...input, here: undefined },
    {
      name: 'form-post',
      title: language.text('continue.heading', { client: client.name }),
      heading: language.say('continue.heading', { client: name(client.name) }),
      body: html`<p>${language.say('continue.text')}</p>
<form method="post" action="${redirectHref(action)}" accept-charset="utf-8">
${hidden}<p class="buttons"><button class="main" id="continue">${language.say('continue.continue')}</button></p>
</form>
<script>${script}</script>`,
    },
  );
}
