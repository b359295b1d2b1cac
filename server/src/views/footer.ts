/** Below every page, at the same place: help, privacy, terms, the language, and what else the owner of the server says. */
import { html, type SafeHtml } from './html.ts';
import { httpsHref, ownHref } from './links.ts';
import { languageNames } from './messages.ts';
import { type Frame, requestForm } from './page.ts';

export function footer(frame: Frame, carriesRequest: boolean): SafeHtml {
  const { texts } = frame.branding ?? {};
  return html`<footer>
${texts?.help !== undefined && html`<p><bdi>${texts.help}</bdi></p>\n`}${links(frame)}${languagePick(frame, carriesRequest)}${texts?.footer !== undefined && html`<p><bdi>${texts.footer}</bdi></p>\n`}</footer>`;
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

/**
 * As the pages have no scripts, something is sent; the server remembers the pick and shows the page again: by its own address,
 * or with the request that its form carries and the name that was typed there.
 */
function languagePick(frame: Frame, carriesRequest: boolean): SafeHtml | undefined {
  const { basePath, here, isLanguageAsked } = frame;
  if (isLanguageAsked === true) return undefined;
  const action = ownHref(`${basePath}/language`);
  if (carriesRequest) {
    const owner = html` form="${requestForm}"`;
    return html`<div class="languages">
${pick(frame, owner, html`${owner} formaction="${action}" formnovalidate`)}</div>
`;
  }
  if (here === undefined) return undefined;
  return html`<form class="languages" method="post" action="${action}">
<input type="hidden" name="to" value="${ownHref(here)}">
${pick(frame)}</form>
`;
}

function pick({ language }: Frame, select?: SafeHtml, button?: SafeHtml): SafeHtml {
  const options = languageNames.map(
    ([tag, own]) =>
      html`<option value="${tag}" lang="${tag}"${tag === language.tag && html` selected`}>${own}</option>\n`,
  );
  return html`<label for="language">${language.say('page.language')}</label>
<select id="language" name="language" autocomplete="off"${select}>
${options}</select>
<button id="change-language"${button}>${language.say('page.change-language')}</button>
`;
}
