/**
 * The way from a form of ours back to the application. Browsers apply `form-action` to the whole chain of redirects that
 * follows a form, so a form ends here and this page goes on.
 */
import { html } from './html.ts';
import { ownHref, redirectHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, type Frame, renderPage } from './page.ts';

export interface ContinueInput extends Frame {
  readonly client: ClientText;
  /** The authorization response: the matched redirect URI with its parameters. */
  readonly continueTo: string;
  /** For the link: a path of ours that leads there, where the response is too long to stand in the page twice. */
  readonly link?: string | undefined;
  /** It stays until the link is followed. Default: it goes on by itself. */
  readonly stays?: true;
}

export function continuePage(input: ContinueInput): string {
  const { language, client } = input;
  const href = redirectHref(input.continueTo);
  const link = input.link === undefined ? href : ownHref(input.link);
  return renderPage(input, {
    name: 'continue',
    title: language.text('continue.heading', { client: client.name }),
    heading: language.say('continue.heading', { client: name(client.name) }),
    // In the page, not a `Refresh` header: a long `state` would overflow the header buffers of proxies.
    ...(input.stays === true ? {} : { head: html`<meta http-equiv="refresh" content="0;url=${href}">\n` }),
    body: html`<p>${language.say('continue.text')}</p>
<p class="buttons"><a class="button main" id="continue" href="${link}">${language.say('continue.continue')}</a></p>`,
  });
}
