/** The frame of every page: language, title, name of the product, one heading. */
import { type AccentColors, accentSheet } from './accent.ts';
import { icon, stylesheet } from './assets.ts';
import { footer } from './footer.ts';
import { type HtmlValue, html, type SafeHtml } from './html.ts';
import { ownHref } from './links.ts';
import type { Language } from './messages.ts';

/** What every page is given. */
export interface Frame {
  /** From `negotiateLanguage`. */
  readonly language: Language;
  /** The product's name, as branding sets it (`branding.displayName`). */
  readonly displayName: string;
  /** Path of the issuer without a slash at its end: `''`, or `/auth` for `https://example.com/auth`. */
  readonly basePath: string;
  /** This very page as a path of ours, to come back to once another language was picked; left out: none is offered. */
  readonly here?: string | undefined;
  /** The application asked for this language: a pick would change nothing, so none is offered. */
  readonly isLanguageAsked?: boolean;
  readonly branding?: Branding | undefined;
}

/** What the owner of the server put on its pages. */
export interface Branding {
  /** Path of ours of a picture, shown in place of the product's name. */
  readonly logo?: string | undefined;
  readonly colors?: AccentColors | undefined;
  /** `https` or not shown. */
  readonly links?: { readonly [link in 'help' | 'privacy' | 'terms']?: string | undefined } | undefined;
  readonly texts?:
    | {
        readonly usernameLabel?: string | undefined;
        readonly usernameHint?: string | undefined;
        readonly help?: string | undefined;
        readonly footer?: string | undefined;
      }
    | undefined;
}

export interface HiddenField {
  readonly name: string;
  readonly value: string;
}

/** A form that posts to a path of ours. */
export interface Form {
  /** Path on this origin, base path included, e.g. `/login`. */
  readonly action: string;
  /** Carried along unchanged, e.g. the sealed request and the form token. */
  readonly fields: readonly HiddenField[];
}

/** An application, as people know it. */
export interface ClientText {
  readonly name: string;
  /** Path of ours of its picture. */
  readonly logo?: string | undefined;
}

export interface Page {
  /** `data-page`: a stable hook. */
  readonly name:
    | 'login'
    | 'choose-account'
    | 'consent'
    | 'consent-partial'
    | 'continue'
    | 'form-post'
    | 'device'
    | 'device-confirm'
    | 'device-done'
    | 'account'
    | 'password'
    | 'sign-out'
    | 'signed-out'
    | 'error';
  /** For `<title>`: the heading as plain text. */
  readonly title: string;
  readonly heading: SafeHtml;
  /** Marks the title; `data-error` where it is a code. */
  readonly problem?: boolean;
  readonly error?: string | undefined;
  /** More for `<head>`. */
  readonly head?: SafeHtml;
  /** Between the name of the product and the heading. */
  readonly before?: HtmlValue;
  readonly body: HtmlValue;
  /** The body has {@link requestForm}: a pick of a language goes with it, so that the page carries its request once. */
  readonly carriesRequest?: boolean;
}

export function renderPage(frame: Frame, page: Page): string {
  const { language, displayName } = frame;
  const title = language.text(page.problem ? 'page.title-problem' : 'page.title', { heading: page.title, displayName });
  const error = page.error !== undefined && html` data-error="${page.error}"`;
  return html`<!doctype html>
<html lang="${language.tag}" dir="${language.direction}">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" type="image/svg+xml" href="${ownHref(frame.basePath + icon.path)}">
${page.head}<link rel="stylesheet" href="${ownHref(frame.basePath + stylesheet.path)}">
${accent(frame)}</head>
<body data-page="${page.name}"${error}>
<main>
${product(frame)}
${page.before}<h1>${page.heading}</h1>
${page.body}
</main>
${footer(frame, page.carriesRequest === true)}
</body>
</html>
`.toString();
}

function accent({ basePath, branding }: Frame): SafeHtml | undefined {
  const sheet = accentSheet(branding?.colors ?? {});
  return sheet && html`<link rel="stylesheet" href="${ownHref(basePath + sheet.path)}">\n`;
}

function product({ displayName, branding }: Frame): SafeHtml {
  if (branding?.logo !== undefined) {
    return html`<p class="product"><img src="${ownHref(branding.logo)}" alt="${displayName}"></p>`;
  }
  return html`<p class="product"><span class="mark" aria-hidden="true">${initialOf(displayName)}</span><bdi>${displayName}</bdi></p>`;
}

/** The picture of an application, beside its name and therefore without words of its own. */
export function clientLogo({ logo }: ClientText): SafeHtml | undefined {
  return logo === undefined ? undefined : html`<p class="logo"><img src="${ownHref(logo)}" alt=""></p>\n`;
}

/** Of the form that carries a request; one a page. What stands elsewhere on the page belongs to it by this id. */
export const requestForm = 'request-form';

export function hiddenFields(form: Form): readonly SafeHtml[] {
  return form.fields.map((field) => html`<input type="hidden" name="${field.name}" value="${field.value}">\n`);
}

/** Made once: it costs as much as a page. */
const letters = new Intl.Segmenter();

/** The first letter as readers see letters, e.g. one flag, one letter with its accents. */
function initialOf(text: string): string {
  const [first] = letters.segment(text.trim());
  return first?.segment.toUpperCase() ?? '';
}
