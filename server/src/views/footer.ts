/** Below every page, at the same place: help, privacy, terms, the language, and what else the owner of the server says. */
import { html, type SafeHtml } from './html.ts';
import { httpsHref, ownHref } from './links.ts';
import { languageNames } from './messages.ts';
import type { Frame } from './page.ts';

export function footer(frame: Frame): SafeHtml {
  const { texts } = frame.branding ?? {};
  return html`<footer>
${texts?.help !== undefined && html`<p><bdi>${texts.help}</bdi></p>\n`}${links(frame)}${languagePick(frame)}${texts?.footer !== undefined && html`<p><bdi>${texts.footer}</bdi></p>\n`}</footer>`;
}

function links({ language, branding }: Frame): SafeHtml | undefined {
  const { help, privacy, terms } = branding?.links ?? {};
  const shown = [
    { id: 'help', href: httpsHref(help), text: language.say('page.help') },
    { id: 'privacy', href: httpsHref(privacy), text: language.say('page.privacy') },
    { id: 'terms', href: httpsHref(terms), text: language.say('page.terms') },
  ].flatMap(({ id, href, text }) =>
    href === undefined ? [] : [html`<a id="${id}" href="${href}" rel="noopener noreferrer">${text}</a>\n`],
  );
  return shown.length === 0 ? undefined : html`<p class="documents">${shown}</p>\n`;
}

/** A form, as the pages have no scripts; the server remembers the pick and leads back to this very page. */
function languagePick({ language, basePath, here }: Frame): SafeHtml | undefined {
  if (here === undefined) return undefined;
  const options = languageNames.map(
    ([tag, own]) =>
      html`<option value="${tag}" lang="${tag}"${tag === language.tag && html` selected`}>${own}</option>\n`,
  );
  return html`<form class="languages" method="post" action="${ownHref(`${basePath}/language`)}">
<input type="hidden" name="to" value="${ownHref(here)}">
<label for="language">${language.say('page.language')}</label>
<select id="language" name="language" autocomplete="off">
${options}</select>
<button id="change-language">${language.say('page.change-language')}</button>
</form>
`;
}
